//! Tells the images what of Mbed TLS the linker leaves out (`src/no_server.rs`), as `DEP_THINGFLEET_TLS_REPLACED`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!(
        "cargo::metadata=REPLACED=mbedtls_ssl_handshake_server_step mbedtls_ssl_tls13_handshake_server_step"
    );
}
