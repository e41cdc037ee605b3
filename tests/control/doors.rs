//! Who is let in, and for how long.

use crate::stage::{DEADLINE, Stage};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::MetadataExt as _,
    time::Duration,
};
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn only_a_program_of_this_machine_with_the_token_is_let_in() {
    let stage = Stage::new().await;
    assert_eq!(std::fs::metadata(stage.control.file()).unwrap().mode() & 0o777, 0o600);
    let close = "Connection: close\r\n\r\n";
    let get = |headers: &str| stage.raw(&format!("GET /v1/fleet HTTP/1.1\r\n{headers}{close}"));
    let (host, token) = ("Host: HOST\r\n", "Authorization: Bearer TOKEN\r\n");
    assert!(get(&format!("{host}{token}")).starts_with("HTTP/1.1 200"));
    for (headers, status) in [
        (host.to_owned(), 401),
        (format!("{host}Authorization: Bearer 0000\r\n"), 401),
        (format!("Host: evil.example\r\n{token}"), 403),
        (format!("{host}{token}Origin: http://evil.example\r\n"), 403),
    ] {
        let answer = get(&headers);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("next_step"), "{answer}");
    }
    let post = |headers: &str, body: &str| {
        stage.raw(&format!("POST /v1/commands HTTP/1.1\r\n{host}{token}{headers}{close}{body}"))
    };
    let json = "Content-Type: application/json\r\n";
    assert!(post(&format!("{json}Content-Length: 99999999\r\n"), "").starts_with("HTTP/1.1 413"));
    assert!(post("Content-Length: 2\r\n", "{}").starts_with("HTTP/1.1 415"));
    assert!(post(&format!("{json}Content-Length: 1\r\n"), "{").starts_with("HTTP/1.1 400"));
    // One that never sends its body, and one that never ends its headers.
    assert!(post(&format!("{json}Content-Length: 10\r\n"), "{").starts_with("HTTP/1.1 408"));
    let unfinished = stage.raw("GET /v1/fleet HTTP/1.1\r\nX-Slow: ");
    assert!(unfinished.is_empty() || unfinished.starts_with("HTTP/1.1 408"), "{unfinished}");
    let file = stage.control.file().to_owned();
    stage.stop().await;
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_sent_away() {
    let stage = Stage::new().await;
    let address = stage.control.url().strip_prefix("http://").unwrap();
    let token = stage.control.token().reveal();
    let request =
        format!("GET /openapi.json HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    let mut deaf = TcpStream::connect(address).unwrap();
    deaf.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    // More answers than fit between the two, so the fleet waits for the client.
    let deadline = Instant::now() + 2 * DEADLINE;
    let error = loop {
        assert!(Instant::now() < deadline, "it is still connected");
        match deaf.write_all(request.as_bytes()) {
            Ok(()) => {}
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(error) => break error,
        }
    };
    assert!([ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&error.kind()), "{error}");
    let mut rest = Vec::new();
    _ = deaf.read_to_end(&mut rest);
    // The others were served meanwhile.
    assert_eq!(stage.client.fleet().await.unwrap().devices, 3);
    stage.stop().await;
}
