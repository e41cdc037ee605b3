//! The firmware's loop on real servers: a board with credentials in its flash comes online, and what becomes of it.

use std::{net::SocketAddr, time::Duration};
use thingfleet::xmpp::{client::Client, tls::client_config};
use thingfleet_desk::{Controller, FLASH, Flash, Front, Lan, Shown, System};
use thingfleet_device::{
    commissioning::{
        credentials::{Credentials, Network, Stored},
        journey::Step,
        qr::Address,
    },
    instance::Account,
    io::{Colour, Event, FailureKind, Input, Session},
    jid::BareJid,
    ns,
    value::Secret,
};
use thingfleet_firmware::{
    body::{self, Board},
    store::Store,
};
use thingfleet_peers::{self as peers, Server};
use tokio::{sync::mpsc, time::timeout};

const DEADLINE: Duration = Duration::from_secs(30);

/// A person in front of the board.
struct Person {
    shown: mpsc::UnboundedReceiver<Shown>,
    does: mpsc::UnboundedSender<Input>,
}

impl Person {
    /// Waits for a session that is so.
    async fn sees(&mut self, is_so: impl Fn(&Session) -> bool) -> Session {
        self.waits(|shown| match shown {
            Shown::Event(Event::Session(session)) if is_so(&session) => Some(session),
            Shown::Event(_) | Shown::Led(_) | Shown::Trouble(_) => None,
        })
        .await
    }

    async fn waits<T>(&mut self, mut take: impl FnMut(Shown) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let waiting = async {
            loop {
                let shown = self.shown.recv().await.expect("the board runs");
                seen.push(format!("{shown:?}"));
                if let Some(taken) = take(shown) {
                    return taken;
                }
            }
        };
        let taken = timeout(DEADLINE, waiting).await.ok();
        taken.unwrap_or_else(|| panic!("only this within {DEADLINE:?}: {seen:#?}"))
    }
}

fn stored(account: &Account, is_done: bool) -> Stored {
    Stored {
        credentials: Credentials {
            network: Network { ssid: "home".into(), password: Secret::new("") },
            jid: account.jid.clone(),
            password: account.password.clone(),
            owner: BareJid::parse("owner@things.example").unwrap(),
        },
        is_done,
    }
}

/// Runs a board until `act` is done and the board has stopped; gives what is in its flash then.
async fn with_board(lan: &Lan, kept: Option<&Stored>, act: impl AsyncFnOnce(&mut Person)) -> Option<Stored> {
    let mut store = Store::new(Flash::in_memory(), 0..FLASH).unwrap();
    if let Some(kept) = kept {
        store.store(kept).await.unwrap();
    }
    let (showing, shown) = mpsc::unbounded_channel();
    let (does, done) = mpsc::unbounded_channel();
    let mut person = Person { shown, does };
    let mut front = Front { shown: showing, done };
    let definition = thingfleet_simulated::kettle();
    let board = Board {
        // Nobody is there.
        radio: &mut Controller(SocketAddr::from(([127, 0, 0, 1], 9))),
        address: Address([0xF0, 0, 0, 0, 0, 1]),
        network: lan,
        store: &mut store,
        panel: &mut front,
        entropy: &mut System,
    };
    let running = Box::pin(body::run(&definition, thingfleet_simulated::unboxed(), board));
    let acting = async {
        act(&mut person).await;
        person.does.send(Input::Stop).unwrap();
        person.sees(|session| *session == Session::Stopped).await;
    };
    timeout(2 * DEADLINE, async { tokio::join!(running, acting) }).await.expect("the board stops");
    store.load().await.unwrap()
}

/// An owner who sends greetings back and wants to see what greets (thesis 4.3), for as long as the test runs.
async fn owner_of_things(server: &Server) {
    let account = server.account("owner").await;
    let mut owner = Client::sign_in(server.connector(), &account).await.unwrap();
    owner.be_available();
    tokio::spawn(async move {
        while let Ok(stanza) = owner.next().await {
            let from =
                stanza.get_attr("from").map(thingfleet_device::jid::bare).unwrap_or_default().to_owned();
            match (stanza.name(), stanza.get_attr("type")) {
                ("message", Some("chat")) => {
                    let body = stanza.get(ns::CLIENT, "body").map(|body| body.get_text().into_owned());
                    if let Some(body) = body.filter(|body| body != "Setup done!") {
                        owner.say(&from, &body);
                    }
                }
                ("presence", Some("subscribe")) => {
                    owner.presence("subscribed", &from);
                    owner.presence("subscribe", &from);
                }
                _ => {}
            }
        }
    });
}

fn lan(server: &Server) -> Lan {
    let trust = client_config(&server.remote().trust).unwrap();
    Lan::new(SocketAddr::from(([127, 0, 0, 1], server.port)), trust)
}

async fn a_board_with_credentials_comes_online_and_publishes(server: Server) {
    owner_of_things(&server).await;
    let kettle = server.account("kettle").await;
    let kept = stored(&kettle, true);
    let left = with_board(&lan(&server), Some(&kept), async |person| {
        person.sees(|session| *session == Session::Online).await;
        person.waits(|shown| matches!(shown, Shown::Led(Colour::Green)).then_some(())).await;
        person.waits(|shown| matches!(shown, Shown::Event(Event::Published(_))).then_some(())).await;
    })
    .await;
    assert_eq!(left, Some(kept));
}

#[tokio::test]
async fn on_prosody_a_board_with_credentials_comes_online_and_publishes() {
    a_board_with_credentials_comes_online_and_publishes(Server::prosody().await).await;
}

#[tokio::test]
async fn on_ejabberd_a_board_with_credentials_comes_online_and_publishes() {
    a_board_with_credentials_comes_online_and_publishes(Server::ejabberd().await).await;
}

#[tokio::test]
async fn a_network_that_is_lost_is_joined_again_and_the_session_comes_back() {
    let server = Server::prosody().await;
    owner_of_things(&server).await;
    let kettle = server.account("kettle").await;
    let lan = lan(&server);
    with_board(&lan, Some(&stored(&kettle, true)), async |person| {
        person.sees(|session| *session == Session::Online).await;
        lan.is_there.send_replace(false);
        person.sees(|session| *session == Session::Joining).await;
        lan.is_there.send_replace(true);
        person.sees(|session| *session == Session::Online).await;
    })
    .await;
}

#[tokio::test]
async fn a_board_whose_button_is_held_forgets_everything() {
    let server = Server::prosody().await;
    owner_of_things(&server).await;
    let kettle = server.account("kettle").await;
    let left = with_board(&lan(&server), Some(&stored(&kettle, true)), async |person| {
        person.sees(|session| *session == Session::Online).await;
        person.does.send(Input::Button(true)).unwrap();
        person.sees(|session| *session == Session::Commissioning).await;
        person.does.send(Input::Button(false)).unwrap();
    })
    .await;
    assert_eq!(left, None);
}

#[tokio::test]
async fn a_wrong_password_leads_back_to_commissioning_until_the_owner_has_answered() {
    let server = Server::prosody().await;
    let kettle = Account { password: Secret::new("wrong"), ..server.account("kettle").await };
    let left = with_board(&lan(&server), Some(&stored(&kettle, false)), async |person| {
        let why = person
            .waits(|shown| match shown {
                Shown::Event(Event::Commissioning(Step::GaveUp { why, .. })) => Some(why),
                Shown::Event(_) | Shown::Led(_) | Shown::Trouble(_) => None,
            })
            .await;
        assert!(why.contains("not-authorized"), "{why}");
        person.sees(|session| *session == Session::Commissioning).await;
    })
    .await;
    assert_eq!(left, None);
}

#[tokio::test]
async fn a_server_with_another_certificate_is_never_shown_the_password() {
    let server = Server::prosody().await;
    let kettle = server.account("kettle").await;
    let other = std::env::temp_dir().join(format!("thingfleet-desk-body-{}", std::process::id()));
    std::fs::create_dir_all(&other).unwrap();
    peers::certificates(&other, peers::DOMAIN, |_| {});
    let trust = thingfleet_schema::profile::Trust::CaFile(other.join("ca.pem"));
    let lan = Lan::new(SocketAddr::from(([127, 0, 0, 1], server.port)), client_config(&trust).unwrap());
    std::fs::remove_dir_all(&other).unwrap();
    with_board(&lan, Some(&stored(&kettle, true)), async |person| {
        let waiting = person.sees(|session| matches!(session, Session::Waiting { .. })).await;
        let Session::Waiting { failure, .. } = waiting else { unreachable!("it is one") };
        assert_eq!(failure.kind, FailureKind::Tls, "{failure:?}");
    })
    .await;
}
