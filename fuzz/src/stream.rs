//! Any bytes from a server, before and after signing on.

use std::fmt::Write as _;
use thingfleet_device::{instance::Account, jid::BareJid, ns, time::Instant, value::Secret, xml::Element};
use thingfleet_link::xmpp::client::{Bounds, Client, Happening, Timeouts};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>";
const MECHANISMS: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                          <mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const PLAIN: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                     <mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const BIND: &str = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
                    <sm xmlns='urn:xmpp:sm:3'/></stream:features>";
const SESSION: &str = "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                       <jid>a@b.c/kettle</jid></bind></iq><enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>";

/// What a server has said before, by the first byte: nothing, or so much of signing on.
const BEFORE: [&[&str]; 4] = [
    &[],
    &[HEADER, MECHANISMS],
    &[HEADER, PLAIN, SUCCESS, HEADER, BIND],
    &[HEADER, PLAIN, SUCCESS, HEADER, BIND, SESSION],
];

/// Bytes that a body reads at a time, at most.
const READ: usize = 1024;

/// Any bytes from a server, at one of four points of a stream: what comes of them does not depend on how they arrive, and
/// what is answered is bounded.
pub fn stream(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let before = BEFORE[usize::from(*first) % BEFORE.len()];
    let told = play(before, bytes, READ);
    // From there on the limit on an element may fall between two pieces.
    if bytes.len() + READ < Bounds::MICROCONTROLLER.limits.bytes {
        assert_eq!(told, play(before, bytes, 1 + usize::from(*first) / BEFORE.len()), "in smaller pieces");
    }
}

/// What a client tells, and what it writes.
fn play(before: &[&str], bytes: &[u8], step: usize) -> (String, String) {
    let account = Account {
        jid: BareJid::parse("a@b.c").expect("a good address"),
        password: Secret::new("geheim"),
        resource: "kettle".to_owned(),
    };
    let (mut client, now) = (Client::new(Bounds::MICROCONTROLLER, Timeouts::default()), Instant::START);
    let (mut told, mut written) = (String::new(), String::new());
    client.open(now, &account, [1; 18], true);
    for text in before {
        client.receive(now, text.as_bytes());
        while client.poll(now).is_some() {}
    }
    client.take_unsent();
    for piece in bytes.chunks(step) {
        client.receive(now, piece);
        while let Some(happening) = client.poll(now) {
            // Answering is part of it.
            if let Happening::Stanza(stanza) = &happening {
                client.send(&Element::new(ns::CLIENT, "message").child((**stanza).clone()));
            }
            _ = writeln!(told, "{happening:?}");
        }
        let sent = client.take_unsent();
        assert!(sent.len() <= 2 * Bounds::MICROCONTROLLER.unsent, "{} bytes to send", sent.len());
        written.push_str(&sent);
    }
    (told, written)
}
