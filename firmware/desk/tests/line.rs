//! The firmware's XMPP stream on real servers, over real TLS: signing on, what goes wrong with it, broken connections.

use std::{cell::RefCell, net::SocketAddr, sync::Arc, time::Duration};
use thingfleet::xmpp::{client::Client as Person, tls::client_config};
use thingfleet_desk::{Lan, System, today};
use thingfleet_device::{
    instance::Account,
    io::{FailureKind, StreamFailure},
    ns,
    value::Secret,
    xml::Element,
};
use thingfleet_firmware::{
    platform::{Entropy as _, Network as _},
    wall::Wall,
};
use thingfleet_link::{
    clock::Clock,
    xmpp::{
        client::{Bounds, Client, Happening, Timeouts},
        line::{Line, Pause},
    },
};
use thingfleet_peers::{self as peers, Server};
use tokio::{sync::mpsc, time::timeout};

const DEADLINE: Duration = Duration::from_secs(20);

fn lan(server: &Server) -> Lan {
    let trust = client_config(&server.remote().trust).unwrap();
    let wall = Arc::new(Wall::own(today()));
    Lan::new(SocketAddr::from(([127, 0, 0, 1], server.port)), trust, wall)
}

fn line() -> Line {
    Line::new(Client::new(Bounds::MICROCONTROLLER, Timeouts::default()), Clock::start())
}

/// Runs one connection of a line to its end, as the firmware's leg does.
async fn connect(line: &Line, lan: &Lan, account: &Account, tell: &mut impl AsyncFnMut(Happening)) {
    let domain = account.jid.domain();
    let mut socket = lan.connect(domain).await.unwrap();
    let mut nonce = [0; 18];
    System.fill(&mut nonce);
    line.open(account, nonce, false);
    if line.run(&mut socket, tell).await == Pause::Secure {
        match lan.secure(socket, domain).await {
            Ok(mut secured) => {
                line.secured();
                assert_eq!(line.run(&mut secured, tell).await, Pause::Over);
            }
            Err(failure) => {
                line.lost(failure);
                line.settle(tell).await;
            }
        }
    }
}

/// Why a connection ended that never came up.
async fn refused(lan: &Lan, account: &Account) -> StreamFailure {
    let failures = RefCell::new(Vec::new());
    let mut tell = async |happening| match happening {
        Happening::Down(failure) => failures.borrow_mut().push(failure),
        other => panic!("{other:?}"),
    };
    timeout(DEADLINE, connect(&line(), lan, account, &mut tell)).await.expect("an end");
    let mut failures = failures.into_inner();
    assert_eq!(failures.len(), 1, "{failures:?}");
    failures.remove(0)
}

/// Runs connections of a line while `act` is told what happens on them.
async fn with_line<T>(
    line: &Line,
    lan: &Lan,
    account: &Account,
    connections: usize,
    act: impl AsyncFnOnce(&mut mpsc::UnboundedReceiver<Happening>) -> T,
) -> T {
    let (told, mut happened) = mpsc::unbounded_channel();
    let mut tell = async |happening| told.send(happening).unwrap();
    let connecting = async {
        for _ in 0..connections {
            connect(line, lan, account, &mut tell).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = connecting => unreachable!("it is pending at the end"),
        done = timeout(DEADLINE, act(&mut happened)) => done.expect("in time"),
    }
}

async fn up(happened: &mut mpsc::UnboundedReceiver<Happening>) -> (String, bool) {
    match happened.recv().await {
        Some(Happening::Up { jid, resumed }) => (jid, resumed),
        other => panic!("{other:?}"),
    }
}

async fn body(happened: &mut mpsc::UnboundedReceiver<Happening>) -> String {
    loop {
        match happened.recv().await {
            Some(Happening::Stanza(stanza)) => {
                if let Some(body) = stanza.get(ns::CLIENT, "body") {
                    return body.get_text().into_owned();
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn message(to: &str, body: &str) -> Element {
    Element::new(ns::CLIENT, "message")
        .attr("to", to.to_owned())
        .attr("type", "chat")
        .child(Element::new(ns::CLIENT, "body").text(body.to_owned()))
}

/// Runs a fact on both servers.
macro_rules! on_both {
    ($($fact:ident),* $(,)?) => {
        mod on_prosody {
            $(#[tokio::test]
            async fn $fact() {
                super::$fact(super::Server::prosody().await).await;
            })*
        }
        mod on_ejabberd {
            $(#[tokio::test]
            async fn $fact() {
                super::$fact(super::Server::ejabberd().await).await;
            })*
        }
    };
}

on_both!(
    a_line_signs_on_and_sends_and_hears,
    a_wrong_password_is_told_in_the_servers_words,
    a_certificate_of_somebody_else_is_refused,
    a_session_that_is_cut_goes_on_and_loses_nothing,
    a_closed_session_does_not_go_on,
);

async fn a_line_signs_on_and_sends_and_hears(server: Server) {
    let (kettle, owner) = (server.account("kettle").await, server.account("owner").await);
    let mut person = Person::sign_in(server.connector(), &owner).await.unwrap();
    let line = line();
    with_line(&line, &lan(&server), &kettle, 1, async |happened| {
        assert_eq!(up(happened).await, ("kettle@things.example/test".to_owned(), false));
        line.send(&Element::new(ns::CLIENT, "presence"));
        line.send(&message("kettle@things.example/test", "to myself, 1 < 2 & \u{1F525}"));
        assert_eq!(body(happened).await, "to myself, 1 < 2 & \u{1F525}");
        person.send(message("kettle@things.example/test", "from a person"));
        tokio::select! {
            said = body(happened) => assert_eq!(said, "from a person"),
            // It only has to write.
            heard = person.next() => panic!("{heard:?}"),
        }
    })
    .await;
}

async fn a_wrong_password_is_told_in_the_servers_words(server: Server) {
    let mut account = server.account("kettle").await;
    account.password = Secret::new("wrong");
    let failure = refused(&lan(&server), &account).await;
    assert_eq!(failure.kind, FailureKind::Authentication, "{failure:?}");
    assert!(failure.text.starts_with("not-authorized"), "{failure:?}");
    let nobody = refused(&lan(&server), &peers::account("nobody")).await;
    assert_eq!(nobody.kind, FailureKind::Authentication, "{nobody:?}");
}

async fn a_certificate_of_somebody_else_is_refused(server: Server) {
    let account = server.account("kettle").await;
    let other = std::env::temp_dir().join(format!("thingfleet-desk-{}-{}", server.name, std::process::id()));
    std::fs::create_dir_all(&other).unwrap();
    peers::certificates(&other, peers::DOMAIN, |_| {});
    let trust = thingfleet_schema::profile::Trust::CaFile(other.join("ca.pem"));
    let trust = client_config(&trust).unwrap();
    let wall = Arc::new(Wall::own(today()));
    let wrong = Lan::new(SocketAddr::from(([127, 0, 0, 1], server.port)), trust, wall);
    std::fs::remove_dir_all(&other).unwrap();
    assert_eq!(refused(&wrong, &account).await.kind, FailureKind::Tls);

    let right = lan(&server);
    let elsewhere =
        Account { jid: thingfleet_device::jid::BareJid::parse("kettle@another.example").unwrap(), ..account };
    // Servers end the stream for a host they do not serve; none must get to see a password for it.
    let failure = refused(&right, &elsewhere).await;
    assert!(matches!(failure.kind, FailureKind::Tls | FailureKind::StreamError), "{failure:?}");
}

async fn a_session_that_is_cut_goes_on_and_loses_nothing(server: Server) {
    let kettle = server.account("kettle").await;
    let line = line();
    with_line(&line, &lan(&server), &kettle, 4, async |happened| {
        assert!(!up(happened).await.1);
        line.send(&Element::new(ns::CLIENT, "presence"));
        for round in 0..3 {
            for number in 0..3 {
                line.send(&message("kettle@things.example/test", &format!("{round}-{number}")));
            }
            line.cut();
            let mut said = Vec::new();
            while said.len() < 3 {
                match happened.recv().await.unwrap() {
                    Happening::Down(failure) => assert_eq!(failure.kind, FailureKind::Lost, "{failure:?}"),
                    Happening::Up { resumed, .. } => assert!(resumed, "round {round}"),
                    Happening::Stanza(stanza) => {
                        said.extend(stanza.get(ns::CLIENT, "body").map(|body| body.get_text().into_owned()));
                    }
                    Happening::StartTls => panic!("told outside"),
                }
            }
            assert_eq!(said, [0, 1, 2].map(|number| format!("{round}-{number}")));
        }
    })
    .await;
}

async fn a_closed_session_does_not_go_on(server: Server) {
    let kettle = server.account("kettle").await;
    let line = line();
    with_line(&line, &lan(&server), &kettle, 2, async |happened| {
        assert!(!up(happened).await.1);
        line.close();
        assert!(!up(happened).await.1, "resumed");
    })
    .await;
}
