//! The firmware's loop on real servers: a board with credentials in its flash comes online, and what becomes of it.

use std::{net::SocketAddr, sync::Arc, time::Duration};
use thingfleet::xmpp::{client::Client, tls::client_config};
use thingfleet_desk::{Controller, Front, Lan, Shown, System, today};
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
    time::UnixMillis,
    value::Secret,
};
use thingfleet_firmware::{
    body::{self, Board},
    sntp,
    store::Store,
    wall::{Knowledge, Wall},
};
use thingfleet_peers::{self as peers, Server};
use thingfleet_simulated::flash::Flash;
use tokio::{net::UdpSocket, sync::mpsc, time::timeout};

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

    /// Waits for a value that the server has taken; it has answered by then what it was asked before.
    async fn publishes(&mut self) {
        self.waits(|shown| matches!(shown, Shown::Event(Event::Published(_))).then_some(())).await;
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
    with_flash(lan, kept, act).await.load().await.unwrap()
}

/// The same; gives the flash itself.
async fn with_flash(lan: &Lan, kept: Option<&Stored>, act: impl AsyncFnOnce(&mut Person)) -> Store<Flash> {
    let flash = Flash::of_pages(4);
    let whole = flash.range();
    let mut store = Store::new(flash, whole).unwrap();
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
        wall: &lan.wall,
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
    store
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
    lan_of(server, Wall::own(today()))
}

fn lan_of(server: &Server, wall: Wall) -> Lan {
    let trust = client_config(&server.remote().trust).unwrap();
    Lan::new(SocketAddr::from(([127, 0, 0, 1], server.port)), trust, Arc::new(wall))
}

/// A time server at which it is so much later than here, in milliseconds, for as long as the test runs.
async fn time_server(later: i64) -> SocketAddr {
    const TO_1970: u64 = 2_208_988_800;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut packet = [0; sntp::PACKET];
        while let Ok((_, asking)) = socket.recv_from(&mut packet).await {
            let now = today().0.saturating_add_signed(later);
            let timestamp = ((now / 1000 + TO_1970) << 32) | ((now % 1000) * (1 << 32) / 1000);
            let number: [u8; 8] = packet[40..].try_into().expect("eight bytes");
            (packet[0], packet[1]) = (4 << 3 | 4, 2);
            packet[24..32].copy_from_slice(&number);
            packet[32..40].copy_from_slice(&timestamp.to_be_bytes());
            packet[40..].copy_from_slice(&timestamp.to_be_bytes());
            socket.send_to(&packet, asking).await.unwrap();
        }
    });
    address
}

/// A clock of an image that was built an hour ago.
fn ignorant() -> Wall {
    Wall::built(UnixMillis(today().0 - HOUR))
}

const HOUR: u64 = 3_600_000;

async fn a_board_with_credentials_comes_online_and_publishes(server: Server) {
    owner_of_things(&server).await;
    let kettle = server.account("kettle").await;
    let kept = stored(&kettle, true);
    let left = with_board(&lan(&server), Some(&kept), async |person| {
        person.sees(|session| *session == Session::Online).await;
        person.waits(|shown| matches!(shown, Shown::Led(Colour::Green)).then_some(())).await;
        person.publishes().await;
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
    let trust = client_config(&trust).unwrap();
    let wall = Arc::new(Wall::own(today()));
    let lan = Lan::new(SocketAddr::from(([127, 0, 0, 1], server.port)), trust, wall);
    std::fs::remove_dir_all(&other).unwrap();
    with_board(&lan, Some(&stored(&kettle, true)), async |person| {
        let waiting = person.sees(|session| matches!(session, Session::Waiting { .. })).await;
        let Session::Waiting { failure, .. } = waiting else { unreachable!("it is one") };
        assert_eq!(failure.kind, FailureKind::Tls, "{failure:?}");
    })
    .await;
}

/// Whether two moments are the same to within a few seconds.
fn is_about(one: UnixMillis, other: UnixMillis) -> bool {
    one.0.abs_diff(other.0) < 10_000
}

#[tokio::test]
async fn a_board_asks_for_the_time_and_keeps_it_once_the_server_has_shown_its_certificate() {
    let server = Server::prosody().await;
    owner_of_things(&server).await;
    let kettle = server.account("kettle").await;
    let mut lan = lan_of(&server, ignorant());
    lan.time_server = Some(time_server(0).await);
    let mut flash = with_flash(&lan, Some(&stored(&kettle, true)), async |person| {
        person.sees(|session| *session == Session::Joining).await;
        person.sees(|session| *session == Session::Connecting).await;
        assert_eq!(lan.wall.knowledge(), Knowledge::Told, "before it connects");
        person.publishes().await;
    })
    .await;
    assert!(is_about(lan.wall.now(), today()));
    let kept = flash.load_time().await.unwrap().expect("it is in the flash");
    assert!(is_about(kept, today()), "{kept:?}");
}

#[tokio::test]
async fn without_a_time_server_a_board_says_so_and_takes_the_word_of_its_xmpp_server() {
    let server = Server::prosody().await;
    owner_of_things(&server).await;
    let kettle = server.account("kettle").await;
    let lan = lan_of(&server, ignorant());
    with_board(&lan, Some(&stored(&kettle, true)), async |person| {
        let trouble = trouble(person).await;
        assert!(trouble.starts_with("the time server: it cannot be reached"), "{trouble}");
        assert_eq!(lan.wall.knowledge(), Knowledge::AtLeast);
        person.publishes().await;
    })
    .await;
    assert_eq!(lan.wall.knowledge(), Knowledge::Told);
    assert!(is_about(lan.wall.now(), today()));
}

#[tokio::test]
async fn a_time_from_before_the_image_was_built_is_refused() {
    let server = Server::prosody().await;
    let kettle = server.account("kettle").await;
    let mut lan = lan_of(&server, ignorant());
    lan.time_server = Some(time_server(-2 * HOUR.cast_signed()).await);
    with_board(&lan, Some(&stored(&kettle, true)), async |person| {
        let trouble = trouble(person).await;
        assert!(trouble.contains("and it cannot be before"), "{trouble}");
        assert_eq!(lan.wall.knowledge(), Knowledge::AtLeast);
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_by_the_time_server_is_refused_and_that_time_is_not_kept() {
    const THIRTY_YEARS: i64 = 30 * 365 * 24 * HOUR.cast_signed();
    let server = Server::prosody().await;
    let kettle = server.account("kettle").await;
    let mut lan = lan_of(&server, ignorant());
    lan.time_server = Some(time_server(THIRTY_YEARS).await);
    let mut flash = with_flash(&lan, Some(&stored(&kettle, true)), async |person| {
        let waiting = person.sees(|session| matches!(session, Session::Waiting { .. })).await;
        let Session::Waiting { failure, .. } = waiting else { unreachable!("it is one") };
        assert!(failure.kind == FailureKind::Tls && failure.text.contains("expired"), "{failure:?}");
    })
    .await;
    assert_eq!(flash.load_time().await.unwrap(), None);
}

#[tokio::test]
async fn where_the_two_servers_differ_the_one_with_the_certificate_is_believed() {
    let server = Server::prosody().await;
    owner_of_things(&server).await;
    let kettle = server.account("kettle").await;
    let mut lan = lan_of(&server, ignorant());
    lan.time_server = Some(time_server(HOUR.cast_signed()).await);
    with_board(&lan, Some(&stored(&kettle, true)), async |person| {
        person.publishes().await;
    })
    .await;
    assert!(is_about(lan.wall.now(), today()), "{:?}", lan.wall);
}

/// What does not work on the board, as soon as it says so.
async fn trouble(person: &mut Person) -> String {
    person
        .waits(|shown| match shown {
            Shown::Trouble(what) => Some(what),
            Shown::Event(_) | Shown::Led(_) => None,
        })
        .await
}
