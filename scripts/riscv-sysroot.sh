#!/bin/sh
# Makes the core library for a bare-metal target available, and prints the environment that a build then needs:
#   eval "$(scripts/riscv-sysroot.sh)"
# Where rustup has the target installed, that is nothing; this script never downloads one. Elsewhere core and alloc are
# built with Debian's rustc-web and rust-web-src into .cache/riscv-sysroot, once for each compiler version.
set -eu
target=${1:-riscv32imc-unknown-none-elf}
root=$(cd "$(dirname "$0")/.." && pwd)
debian=${RISCV_RUSTC:-/usr/bin/rustc}

if rustup target list --installed 2>/dev/null | grep -qx "$target" && [ -z "${RISCV_RUSTC:-}" ]; then
    exit 0
fi
real=$("$debian" --print sysroot 2>/dev/null) || real=
if [ ! -f "$real/lib/rustlib/src/rust/library/Cargo.lock" ]; then
    echo "no core library for $target: run 'rustup target add $target', or 'apt-get install rustc-web rust-web-src lld-19'" >&2
    exit 3
fi

# Link-time optimisation reads the library's bitcode. Small, and with calls that the linker may shorten, since flash is dear.
flags="-Cembed-bitcode=yes -Copt-level=z -Ctarget-feature=+relax"
stamp="$target $flags $("$debian" -vV | tr '\n' ' ')"
# Another library lies elsewhere: cargo builds everything anew only where a flag is another one.
sysroot=$root/.cache/riscv-sysroot/$(printf '%s' "$stamp" | sha1sum | cut -c1-12)
if [ "$(cat "$sysroot/$target.stamp" 2>/dev/null)" != "$stamp" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/src" "$sysroot/lib/rustlib"
    cat >"$work/Cargo.toml" <<'MANIFEST'
[package]
name = "sysroot"
version = "0.0.0"
edition = "2024"

[workspace]
MANIFEST
    printf '#![no_std]\nextern crate alloc;\n' >"$work/src/lib.rs"
    # The compiler's own parts (for build scripts and macros) are used where they lie.
    for part in "$real"/lib/rustlib/*; do
        ln -sfn "$part" "$sysroot/lib/rustlib/$(basename "$part")"
    done
    # build-std is unstable; the variable lets this one build of the standard library itself use it.
    (cd "$work" && env -u CARGO_TARGET_DIR RUSTC="$debian" RUSTFLAGS="$flags" RUSTC_BOOTSTRAP=1 \
        cargo build --quiet --release -Z build-std=core,alloc --target "$target" --target-dir "$work/target") >&2
    rm -rf "${sysroot:?}/lib/rustlib/$target"
    mkdir -p "$sysroot/lib/rustlib/$target/lib"
    for crate in core alloc compiler_builtins; do
        cp "$work/target/$target/release/deps/lib$crate"-*.rlib "$sysroot/lib/rustlib/$target/lib/"
    done
    printf '%s' "$stamp" >"$sysroot/$target.stamp"
fi

name=$(printf '%s' "$target" | tr 'a-z-' 'A-Z_')
echo "export RUSTC='$debian'"
echo "export CARGO_TARGET_${name}_RUSTFLAGS='--sysroot=$sysroot'"
# Debian's compiler comes without the linker these targets ask for; that of the other one does, or Debian's own. Before
# its fifteenth version that does not shorten calls.
for linker in "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-lld "$(command -v ld.lld-19 || command -v ld.lld)"; do
    [ -x "$linker" ] && break
done
echo "export CARGO_TARGET_${name}_LINKER='$linker'"
