//! A kettle from its box to its owner, in simulated time: the journey, and every way back from it.

use proptest::prelude::*;
use std::{fmt::Write as _, time::Duration};
use thingfleet_device::{
    commissioning::{
        credentials::Rejection,
        gatt::{AttError, Characteristic, MAX_VALUE, Write},
        journey::{Happening, NetworkFailure, Stage, Step},
        pairing::PairingFailure,
        seal::{DeviceKey, MAX_SEALED},
    },
    definition::{Layout, Security},
    io::{Colour, Event, FailureKind, Input, Session, StreamFailure},
};
use thingfleet_simulated::{DEVICE, OWNER, Rig, STRANGER, Server, chat, kettle, unboxed};

use Characteristic::{Jid, JidPassword, JidSender, NetworkPassword, SetupDone, Ssid};

/// What a client writes before Setup Done, in the order of the reference client.
const CREDENTIALS: [(Characteristic, &[u8]); 5] = [
    (Jid, b"kettle-1@example.org"),
    (JidPassword, b"secret"),
    (JidSender, b"juliet@example.org"),
    (Ssid, b"home"),
    (NetworkPassword, b"hunter22"),
];

fn write_all(rig: &mut Rig) {
    for (characteristic, value) in CREDENTIALS {
        assert_eq!(rig.write(characteristic, value), Ok(()), "{characteristic:?}");
    }
    assert_eq!(rig.write(SetupDone, &[1]), Ok(()));
}

/// A kettle that has said hello.
fn greeted() -> Rig {
    let mut rig = Rig::unboxed(Security::Open);
    write_all(&mut rig);
    assert_eq!(rig.device.stage(), Some(Stage::HelloSent));
    rig
}

/// A kettle that belongs to Juliet.
fn owned() -> Rig {
    let mut rig = greeted();
    rig.receive(chat(OWNER, &kettle().hello));
    assert_eq!(rig.device.stage(), Some(Stage::Done));
    rig
}

fn steps(rig: &Rig) -> Vec<&Step> {
    let steps = rig.events.iter().filter_map(|event| match event {
        Event::Commissioning(step) => Some(step),
        _ => None,
    });
    steps.collect()
}

fn stages(rig: &Rig) -> Vec<Stage> {
    let entered = steps(rig).into_iter().filter_map(|step| match step {
        Step::Entered(stage) => Some(*stage),
        _ => None,
    });
    entered.collect()
}

fn gave_up(rig: &Rig) -> bool {
    steps(rig).iter().any(|step| matches!(step, Step::GaveUp { .. }))
}

/// An empty memory, on the air, blue.
fn waits_for_a_client(rig: &Rig) -> bool {
    rig.device.stage() == Some(Stage::Unprovisioned)
        && rig.is_peripheral
        && rig.memory.is_none()
        && rig.joining.is_none()
        && rig.led == Some(Colour::Blue)
        && rig.device.session() == &Session::Commissioning
}

#[test]
fn a_kettle_from_the_shop_comes_to_its_owner() {
    let mut rig = Rig::unboxed(Security::Open);
    assert!(waits_for_a_client(&rig));

    rig.feed(Input::ClientConnected);
    write_all(&mut rig);
    assert!(!rig.is_peripheral, "the peripheral goes away after Setup Done");
    assert_eq!(rig.led, Some(Colour::Yellow));
    let stored = rig.memory.clone().unwrap();
    assert!(!stored.is_done);
    assert_eq!(rig.joining, Some(stored.credentials.network));
    rig.receive(chat(STRANGER, &kettle().hello));
    rig.receive(chat(OWNER, "hello yourself"));
    assert_eq!(rig.device.stage(), Some(Stage::HelloSent), "only the owner's mirror counts");
    rig.receive(chat(OWNER, &kettle().hello));

    assert_eq!(
        stages(&rig),
        [
            Stage::Collecting,
            Stage::JoiningNetwork,
            Stage::OpeningSession,
            Stage::HelloSent,
            Stage::Mirrored,
            Stage::OwnerInRoster,
            Stage::Done
        ]
    );
    assert_eq!((rig.device.session(), rig.led), (&Session::Online, Some(Colour::Green)));
    assert_eq!(rig.server.roster, ["juliet@example.org"]);
    assert!(rig.memory.as_ref().unwrap().is_done);
    let sent = rig.take_sent();
    let place = |words: &[&str]| {
        let found = sent.iter().position(|stanza| words.iter().all(|word| stanza.contains(word)));
        found.unwrap_or_else(|| panic!("nothing with {words:?}"))
    };
    assert!(place(&["Please mirror this message!"]) < place(&["jabber:iq:roster", "juliet@example.org"]));
    assert!(place(&["<body>Setup done!</body>"]) < place(&["<create"]));
}

#[test]
fn the_order_of_writes_does_not_matter_and_the_last_one_counts() {
    let mut rig = Rig::unboxed(Security::Open);
    for (characteristic, value) in CREDENTIALS.into_iter().rev() {
        assert_eq!(rig.write(characteristic, b"romeo@example.org"), Ok(()));
        assert_eq!(rig.write(characteristic, value), Ok(()));
    }
    assert_eq!(rig.write(SetupDone, &[1]), Ok(()));
    let credentials = rig.memory.unwrap().credentials;
    assert_eq!(credentials.owner.as_str(), "juliet@example.org");
    assert_eq!(credentials.network.password.reveal(), "hunter22");
}

#[test]
fn a_network_without_a_password_needs_none() {
    let mut rig = Rig::unboxed(Security::Open);
    for (characteristic, value) in CREDENTIALS.into_iter().filter(|(c, _)| *c != NetworkPassword) {
        assert_eq!(rig.write(characteristic, value), Ok(()));
    }
    assert_eq!(rig.write(SetupDone, &[1]), Ok(()));
    assert_eq!(rig.memory.unwrap().credentials.network.password.reveal(), "");
}

#[test]
fn each_wrong_value_has_its_error_and_leaves_the_good_one() {
    let long = [b'x'; MAX_VALUE + 1];
    for (characteristic, value, error, why) in [
        (Ssid, &b""[..], AttError::InvalidLength, Rejection::Empty),
        (Ssid, &long[..33], AttError::InvalidLength, Rejection::TooLong(32)),
        (NetworkPassword, &long[..65], AttError::InvalidLength, Rejection::TooLong(64)),
        (JidPassword, &long, AttError::InvalidLength, Rejection::TooLong(MAX_VALUE)),
        (JidPassword, b"", AttError::InvalidLength, Rejection::Empty),
        (JidPassword, b"\xFF", AttError::ValueNotAllowed, Rejection::NotUtf8),
        (SetupDone, &[], AttError::InvalidLength, Rejection::Empty),
        (SetupDone, &[0], AttError::ValueNotAllowed, Rejection::NotOne),
        (SetupDone, &[1, 1], AttError::InvalidLength, Rejection::TooLong(1)),
        (Characteristic::SerialNumber, b"0002", AttError::WriteNotPermitted, Rejection::NotNow),
    ] {
        let mut rig = Rig::unboxed(Security::Open);
        for (characteristic, value) in CREDENTIALS {
            rig.write(characteristic, value).unwrap();
        }
        assert_eq!(rig.write(characteristic, value), Err(error), "{characteristic:?}");
        let last = steps(&rig).last().copied().cloned();
        assert_eq!(last, Some(Step::Rejected { characteristic, why }));
        assert_eq!(rig.write(SetupDone, &[1]), Ok(()), "what was good before is still there");
    }
}

#[test]
fn a_jid_has_to_be_a_bare_one() {
    let mut rig = Rig::unboxed(Security::Open);
    for text in
        ["kettle", "@example.org", "kettle@", "kettle@example.org/kitchen", "a b@example.org", "<x/>@y"]
    {
        assert_eq!(rig.write(Jid, text.as_bytes()), Err(AttError::ValueNotAllowed), "{text}");
        assert_eq!(rig.write(JidSender, text.as_bytes()), Err(AttError::ValueNotAllowed), "{text}");
    }
    assert_eq!(rig.device.stage(), Some(Stage::Unprovisioned));
}

#[test]
fn setup_done_too_early_says_what_is_missing_and_changes_nothing() {
    let mut rig = Rig::unboxed(Security::Open);
    rig.write(Ssid, b"home").unwrap();
    assert_eq!(rig.write(SetupDone, &[1]), Err(AttError::Incomplete));
    assert!(steps(&rig).contains(&&Step::Incomplete(vec![Jid, JidPassword, JidSender])));
    assert!(rig.is_peripheral && rig.memory.is_none(), "nothing is stored");
    write_all(&mut rig);
}

#[test]
fn an_encrypted_kettle_takes_nothing_over_an_open_link() {
    let mut rig = Rig::unboxed(Security::Encrypted);
    for (characteristic, value) in CREDENTIALS {
        assert_eq!(rig.write(characteristic, value), Err(AttError::InsufficientEncryption));
    }
    assert_eq!(rig.write(SetupDone, &[1]), Err(AttError::InsufficientEncryption));
    for (characteristic, value) in [&CREDENTIALS[..], &[(SetupDone, &[1])]].concat() {
        rig.feed(Input::GattWrite(Write { characteristic, value: value.to_vec(), encrypted: true }));
        assert_eq!(rig.answers.pop(), Some(Ok(())));
    }
    assert_eq!(rig.device.stage(), Some(Stage::HelloSent));
}

#[test]
fn a_sealed_kettle_takes_only_what_is_sealed_to_it() {
    let mut rig = Rig::unboxed(Security::Sealed);
    let random = &mut crypto_box::aead::OsRng;
    let key = DeviceKey::from_seed([7; 32]).public();
    let other = DeviceKey::from_seed([8; 32]).public();
    for (characteristic, value) in CREDENTIALS {
        let swapped = if characteristic == Ssid { Jid } else { Ssid };
        for wrong in [
            value.to_vec(),
            Vec::new(),
            other.seal(characteristic, value, random).unwrap(),
            key.seal(swapped, value, random).unwrap(),
            vec![0; MAX_VALUE],
        ] {
            assert_eq!(rig.write(characteristic, &wrong), Err(AttError::NotSealed));
        }
        let sealed = key.seal(characteristic, value, random).unwrap();
        assert_eq!(rig.write(characteristic, &sealed), Ok(()));
    }
    assert_eq!(rig.write(SetupDone, &[1]), Ok(()));
    assert_eq!(rig.memory.unwrap().credentials.jid.as_str(), DEVICE);
    assert!(key.seal(Ssid, &[b'x'; MAX_SEALED], random).unwrap().len() == MAX_VALUE);
    assert_eq!(key.seal(Ssid, &[b'x'; MAX_SEALED + 1], random), None);
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() {
    let mut rig = Rig::unboxed(Security::Open);
    rig.feed(Input::ClientConnected);
    for (characteristic, value) in CREDENTIALS {
        rig.write(characteristic, value).unwrap();
    }
    rig.feed(Input::ClientGone);
    assert!(waits_for_a_client(&rig));
    assert_eq!(rig.write(SetupDone, &[1]), Err(AttError::Incomplete), "nobody finishes another one's work");
}

#[test]
fn a_client_that_does_nothing_is_sent_away() {
    let mut rig = Rig::unboxed(Security::Open);
    let idle = kettle().bluetooth.idle;
    rig.feed(Input::ClientConnected);
    rig.run_for(idle.saturating_sub(Duration::from_secs(1)));
    rig.write(Ssid, b"home").unwrap();
    rig.run_for(idle.saturating_sub(Duration::from_secs(1)));
    assert_eq!(rig.disconnects, 0, "it was busy meanwhile");
    rig.run_for(Duration::from_secs(2));
    assert_eq!(rig.disconnects, 1);
    assert!(waits_for_a_client(&rig));
    rig.run_for(idle * 3);
    assert_eq!(rig.disconnects, 1);
}

#[test]
fn pairing_that_fails_is_told_and_takes_nothing_from_the_device() {
    let mut rig = Rig::unboxed(Security::Open);
    rig.feed(Input::ClientConnected);
    rig.feed(Input::PairingFailed(PairingFailure::CalledOff));
    assert_eq!(steps(&rig).last(), Some(&&Step::PairingFailed(PairingFailure::CalledOff)));
    assert!(waits_for_a_client(&rig));
    write_all(&mut rig);
    let told = steps(&rig).len();
    rig.feed(Input::PairingFailed(PairingFailure::CalledOff));
    assert_eq!(steps(&rig).len(), told, "a client that is late with it is none of its business any more");
}

#[test]
fn a_network_that_refuses_leads_back_after_the_last_attempt() {
    for failure in [NetworkFailure::WrongPassword, NetworkFailure::NotFound] {
        let mut rig = Rig::unboxed(Security::Open);
        rig.network = Some(Err(failure));
        write_all(&mut rig);
        assert_eq!(rig.led, Some(Colour::Yellow));
        assert!(rig.memory.is_some(), "it has not given up");
        rig.run_for(Duration::from_mins(1));
        let failures = steps(&rig)
            .iter()
            .filter(|s| matches!(s, Step::NetworkFailed { why, .. } if *why == failure))
            .count();
        assert_eq!(failures, usize::from(kettle().bluetooth.join_attempts));
        assert!(waits_for_a_client(&rig) && gave_up(&rig));
        assert_eq!(rig.opened, 0);
    }
}

#[test]
fn a_network_that_does_not_answer_leads_back_in_time() {
    let mut rig = Rig::unboxed(Security::Open);
    rig.network = None;
    write_all(&mut rig);
    rig.run_for(Duration::from_secs(10));
    rig.network = Some(Ok(()));
    rig.run_for(Duration::from_secs(15));
    assert_eq!(rig.device.stage(), Some(Stage::HelloSent), "the second attempt succeeds");
}

#[test]
fn an_account_that_the_server_refuses_leads_back_at_once() {
    let mut rig = Rig::unboxed(Security::Open);
    rig.connect_failure = Some(FailureKind::Authentication);
    write_all(&mut rig);
    assert!(waits_for_a_client(&rig) && gave_up(&rig));
}

#[test]
fn a_server_that_cannot_be_reached_is_tried_until_its_time_is_over() {
    let mut rig = Rig::unboxed(Security::Open);
    rig.connect_failure = Some(FailureKind::Unreachable);
    write_all(&mut rig);
    let session = kettle().bluetooth.session;
    rig.run_for(session.saturating_sub(Duration::from_secs(1)));
    assert!(matches!(rig.device.session(), Session::Waiting { .. }) && rig.opened > 3);
    rig.run_for(Duration::from_secs(2));
    assert!(waits_for_a_client(&rig) && gave_up(&rig));
}

#[test]
fn a_server_that_comes_back_in_time_is_good_enough() {
    let mut rig = Rig::unboxed(Security::Open);
    rig.connect_failure = Some(FailureKind::Unreachable);
    write_all(&mut rig);
    rig.run_for(Duration::from_secs(30));
    rig.connect_failure = None;
    rig.run_for(Duration::from_mins(1));
    assert_eq!(rig.device.stage(), Some(Stage::HelloSent));
}

#[test]
fn an_owner_who_does_not_mirror_loses_the_kettle() {
    let mut rig = greeted();
    rig.run_for(kettle().bluetooth.mirror.saturating_sub(Duration::from_secs(1)));
    assert_eq!(rig.device.stage(), Some(Stage::HelloSent));
    rig.run_for(Duration::from_secs(2));
    assert!(waits_for_a_client(&rig) && gave_up(&rig));
    assert!(rig.take_sent().last().unwrap().contains("unavailable"), "it says goodbye");
    write_all(&mut rig);
    rig.receive(chat(OWNER, &kettle().hello));
    assert_eq!(rig.device.stage(), Some(Stage::Done), "the second time works");
}

#[test]
fn a_stream_that_breaks_on_the_way_is_opened_again() {
    let mut rig = greeted();
    rig.feed(Input::StreamDown(StreamFailure { kind: FailureKind::Lost, text: String::new() }));
    assert_eq!(rig.device.stage(), Some(Stage::OpeningSession));
    rig.run_for(Duration::from_secs(5));
    assert_eq!(rig.device.stage(), Some(Stage::HelloSent));
}

#[test]
fn a_lost_network_is_joined_again_and_the_owner_kept() {
    let mut rig = owned();
    rig.network = Some(Err(NetworkFailure::NotFound));
    rig.feed(Input::NetworkDown(NetworkFailure::Lost));
    assert_eq!((rig.device.session(), rig.led), (&Session::Joining, Some(Colour::Yellow)));
    rig.run_for(Duration::from_hours(1));
    assert_eq!(rig.device.stage(), Some(Stage::Done));
    rig.network = Some(Ok(()));
    rig.run_for(Duration::from_mins(2));
    assert_eq!(rig.device.session(), &Session::Online);
    assert!(rig.memory.unwrap().is_done);
}

#[test]
fn a_refused_password_does_not_take_the_kettle_from_its_owner() {
    let mut rig = owned();
    rig.feed(Input::StreamDown(StreamFailure { kind: FailureKind::Authentication, text: String::new() }));
    assert!(matches!(rig.device.session(), Session::Failed(_)));
    assert!(rig.memory.is_some() && !rig.is_peripheral);
}

#[test]
fn after_a_power_cut_it_goes_on_where_it_was() {
    for (before, roster, stage) in [
        (owned(), vec!["juliet@example.org".to_string()], Stage::Done),
        (greeted(), Vec::new(), Stage::HelloSent),
    ] {
        let mut server = Server::new("Prosody");
        server.roster = roster;
        let instance = thingfleet_device::instance::Instance { stored: before.memory, ..unboxed() };
        let rig = Rig::new(kettle(), instance, server);
        assert_eq!(rig.device.stage(), Some(stage));
        assert!(!rig.is_peripheral);
    }
}

#[test]
fn a_button_held_for_five_seconds_resets_it_from_anywhere() {
    let unprovisioned = || Rig::unboxed(Security::Open);
    let collecting = || {
        let mut rig = unprovisioned();
        rig.write(Ssid, b"home").unwrap();
        rig
    };
    let joining = || {
        let mut rig = unprovisioned();
        rig.network = None;
        write_all(&mut rig);
        rig
    };
    for (make, stage) in [
        (&unprovisioned as &dyn Fn() -> Rig, Stage::Unprovisioned),
        (&collecting, Stage::Collecting),
        (&joining, Stage::JoiningNetwork),
        (&greeted, Stage::HelloSent),
        (&owned, Stage::Done),
    ] {
        let mut rig = make();
        assert_eq!(rig.device.stage(), Some(stage));
        rig.feed(Input::Button(true));
        rig.run_for(Duration::from_secs(4));
        rig.feed(Input::Button(false));
        rig.run_for(Duration::from_secs(2));
        assert_eq!(rig.device.stage(), Some(stage), "too short");
        rig.feed(Input::Button(true));
        rig.run_for(Duration::from_secs(6));
        assert!(waits_for_a_client(&rig), "{stage:?}");
        assert_eq!(rig.write(SetupDone, &[1]), Err(AttError::Incomplete));
    }
}

#[test]
fn a_kettle_that_is_set_up_takes_no_more_writes() {
    let mut rig = owned();
    for characteristic in Characteristic::ALL {
        assert_eq!(rig.write(characteristic, b"x"), Err(AttError::WriteNotPermitted));
    }
}

#[test]
fn no_characteristic_stands_twice_in_either_layout() {
    for layout in [Layout::OneService, Layout::TwoServices] {
        let mut definition = kettle();
        definition.bluetooth.layout = layout;
        let peripheral = Rig::new(definition, unboxed(), Server::new("Prosody")).device.peripheral();
        let mut all: Vec<_> =
            peripheral.services.iter().flat_map(|service| &service.characteristics).collect();
        all.sort();
        assert_eq!(all, Characteristic::ALL.iter().collect::<Vec<_>>());
        assert_eq!(peripheral.value(Characteristic::SerialNumber), Some("0001"));
        assert_eq!(peripheral.value(Ssid), None, "what is written cannot be read");
    }
}

#[test]
fn the_table_of_stages_is_this_one() {
    let happenings = [
        ("written", Happening::Written),
        ("client gone", Happening::ClientGone),
        ("Setup Done", Happening::SetupDone),
        ("network up", Happening::NetworkUp),
        ("network down", Happening::NetworkDown),
        ("stream down", Happening::StreamDown),
        ("hello", Happening::Reached(Stage::HelloSent)),
        ("mirror", Happening::Reached(Stage::Mirrored)),
        ("owner", Happening::Reached(Stage::OwnerInRoster)),
        ("done", Happening::Reached(Stage::Done)),
        ("gave up", Happening::GaveUp),
        ("reset", Happening::Reset),
    ];
    let mut table = String::new();
    for stage in Stage::ALL {
        write!(table, "{stage:?}:").unwrap();
        for (name, happening) in happenings {
            match stage.next(happening) {
                Ok(next) if next == stage => write!(table, " {name} =,").unwrap(),
                Ok(next) => write!(table, " {name} → {next:?},").unwrap(),
                Err(_) => {}
            }
        }
        table = table.trim_end_matches(',').to_owned() + "\n";
    }
    assert_eq!(
        table,
        "\
Unprovisioned: written → Collecting, client gone =, reset =
Collecting: written =, client gone → Unprovisioned, Setup Done → JoiningNetwork, gave up → Unprovisioned, reset → Unprovisioned
JoiningNetwork: network up → OpeningSession, network down =, gave up → Unprovisioned, reset → Unprovisioned
OpeningSession: network down → JoiningNetwork, stream down =, hello → HelloSent, mirror → Mirrored, owner → OwnerInRoster, done → Done, gave up → Unprovisioned, reset → Unprovisioned
HelloSent: network down → JoiningNetwork, stream down → OpeningSession, mirror → Mirrored, owner → OwnerInRoster, done → Done, gave up → Unprovisioned, reset → Unprovisioned
Mirrored: network down → JoiningNetwork, stream down → OpeningSession, hello → HelloSent, owner → OwnerInRoster, done → Done, gave up → Unprovisioned, reset → Unprovisioned
OwnerInRoster: network up =, network down =, stream down =, done → Done, reset → Unprovisioned
Done: network up =, network down =, stream down =, reset → Unprovisioned
"
    );
}

/// Anything that can happen to a kettle.
#[derive(Clone, Debug)]
enum Anything {
    Connected,
    Gone,
    NotPaired,
    Write(Characteristic, Vec<u8>, bool),
    Network(Result<(), NetworkFailure>),
    Stream(FailureKind),
    Button(bool),
    Mirror,
    Cut,
    Pass(u16),
}

fn anything() -> impl Strategy<Value = Anything> {
    let good = prop::sample::select(CREDENTIALS.to_vec()).prop_map(|(c, value)| (c, value.to_vec()));
    let done = Just((SetupDone, vec![1]));
    let random =
        (prop::sample::select(Characteristic::ALL.to_vec()), prop::collection::vec(any::<u8>(), 0..520));
    let networks = [Ok(()), Err(NetworkFailure::Lost), Err(NetworkFailure::WrongPassword)];
    let failures = [FailureKind::Lost, FailureKind::Authentication, FailureKind::Conflict];
    prop_oneof![
        1 => Just(Anything::Connected),
        1 => Just(Anything::Gone),
        1 => Just(Anything::NotPaired),
        12 => (prop_oneof![6 => good, 3 => done, 1 => random], any::<bool>())
            .prop_map(|((characteristic, value), encrypted)| Anything::Write(characteristic, value, encrypted)),
        1 => prop::sample::select(networks.to_vec()).prop_map(Anything::Network),
        1 => prop::sample::select(failures.to_vec()).prop_map(Anything::Stream),
        1 => any::<bool>().prop_map(Anything::Button),
        2 => Just(Anything::Mirror),
        1 => Just(Anything::Cut),
        2 => (0u16..900).prop_map(Anything::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens: it is a peripheral exactly while it waits for a client, it remembers exactly what it was
    /// given by somebody who finished, and every write is answered, with what a simple model of the table expects.
    #[test]
    fn whatever_happens_it_is_either_waiting_or_provisioned(
        happenings in prop::collection::vec(anything(), 0..60),
        security in prop::sample::select(vec![Security::Open, Security::Encrypted]),
    ) {
        let mut rig = Rig::unboxed(security);
        let mut written = std::collections::BTreeSet::new();
        for happening in happenings {
            match happening {
                Anything::Connected => rig.feed(Input::ClientConnected),
                Anything::NotPaired => rig.feed(Input::PairingFailed(PairingFailure::CalledOff)),
                Anything::Gone => {
                    rig.feed(Input::ClientGone);
                    written.clear();
                }
                Anything::Write(characteristic, value, encrypted) => {
                    let was_waiting = rig.is_peripheral;
                    let needed = [Ssid, Jid, JidPassword, JidSender];
                    rig.feed(Input::GattWrite(Write { characteristic, value: value.clone(), encrypted }));
                    let answer = rig.answers.pop();
                    prop_assert!(rig.answers.is_empty() && answer.is_some());
                    let answer = answer.unwrap();
                    let complete = needed.iter().all(|one| written.contains(one));
                    if !was_waiting {
                        prop_assert_eq!(answer, Err(AttError::WriteNotPermitted));
                    } else if security == Security::Encrypted && !encrypted {
                        prop_assert_eq!(answer, Err(AttError::InsufficientEncryption));
                    } else if (characteristic, &*value) == (SetupDone, &[1]) {
                        prop_assert_eq!(answer.is_ok(), complete);
                        if complete {
                            written.clear();
                        }
                    } else if CREDENTIALS.contains(&(characteristic, &*value)) {
                        prop_assert_eq!(answer, Ok(()));
                    }
                    if answer.is_ok() && characteristic != SetupDone {
                        written.insert(characteristic);
                    }
                }
                Anything::Network(Ok(())) => rig.feed(Input::NetworkUp),
                Anything::Network(Err(failure)) => rig.feed(Input::NetworkDown(failure)),
                Anything::Stream(kind) => rig.feed(Input::StreamDown(StreamFailure { kind, text: String::new() })),
                Anything::Button(is_down) => rig.feed(Input::Button(is_down)),
                Anything::Cut => {
                    rig.feed(Input::Offline);
                    prop_assert_eq!((rig.device.session(), rig.is_peripheral), (&Session::Offline, false));
                    rig.feed(Input::Online);
                    if rig.memory.is_none() {
                        written.clear();
                    }
                }
                Anything::Mirror => rig.receive(chat(OWNER, &kettle().hello)),
                Anything::Pass(seconds) => rig.run_for(Duration::from_secs(seconds.into())),
            }
            let stage = rig.device.stage().unwrap();
            if stage == Stage::Unprovisioned {
                written.clear();
            }
            prop_assert_eq!(rig.is_peripheral, stage.takes_writes());
            prop_assert_eq!(rig.memory.is_none(), stage.takes_writes());
            prop_assert_eq!(rig.device.session() == &Session::Commissioning, stage.takes_writes());
            prop_assert_eq!(rig.led == Some(Colour::Blue), stage.takes_writes());
            let is_done = rig.memory.as_ref().is_some_and(|stored| stored.is_done);
            prop_assert_eq!(is_done, stage >= Stage::OwnerInRoster);
        }
    }
}
