//! A client and a server that is a script.

use super::*;
use alloc::{format, vec::Vec};
use thingfleet_device::{io::FailureKind, value::Secret};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams' id='1' from='b.c' version='1.0'>";
const STARTTLS: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const PLAIN: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                     <mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const BIND: &str = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
                    <sm xmlns='urn:xmpp:sm:3'/></stream:features>";
const BOUND: &str = "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                     <jid>a@b.c/kettle</jid></bind></iq>";
const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>";

fn account() -> Account {
    Account {
        jid: BareJid::parse("a@b.c").unwrap(),
        password: Secret::new("geheim"),
        resource: "kettle".into(),
    }
}

/// A client, its time, and what it told and wrote.
struct Bench {
    client: Client,
    now: Instant,
    told: Vec<Happening>,
    out: String,
    /// Bytes that arrive at a time.
    step: usize,
}

impl Bench {
    fn new() -> Self {
        let client = Client::new(Bounds::MICROCONTROLLER, Timeouts::default());
        Self { client, now: Instant::START, told: Vec::new(), out: String::new(), step: usize::MAX }
    }

    fn open(&mut self, is_secure: bool) {
        self.client.open(self.now, &account(), [1; 18], is_secure);
        self.turn();
    }

    fn turn(&mut self) {
        while let Some(told) = self.client.poll(self.now) {
            self.told.push(told);
        }
        self.out.push_str(&self.client.take_unsent());
    }

    fn say(&mut self, text: &str) {
        for piece in text.as_bytes().chunks(self.step.min(text.len()).max(1)) {
            self.client.receive(self.now, piece);
            self.turn();
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.turn();
    }

    fn written(&mut self) -> String {
        mem::take(&mut self.out)
    }

    /// What ended the stream.
    fn end(&mut self) -> StreamFailure {
        match self.told.pop() {
            Some(Happening::Down(failure)) => failure,
            other => panic!("not down: {other:?}"),
        }
    }

    /// Signs on by way of TLS.
    fn up() -> Self {
        let mut bench = Self::new();
        bench.sign_on();
        bench.told.clear();
        bench.out.clear();
        bench
    }

    fn sign_on(&mut self) {
        self.open(true);
        for text in [HEADER, PLAIN, SUCCESS, HEADER, BIND, BOUND, ENABLED] {
            self.say(text);
        }
    }
}

#[test]
fn a_client_signs_on_however_the_bytes_arrive() {
    for step in [1, 2, 7, 50, usize::MAX] {
        let mut bench = Bench { step, ..Bench::new() };
        bench.open(false);
        bench.say(HEADER);
        bench.say(STARTTLS);
        assert!(bench.written().ends_with("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
        bench.say(PROCEED);
        assert!(matches!(bench.told.pop(), Some(Happening::StartTls)));
        bench.client.secured();
        bench.turn();
        assert_eq!(
            bench.written(),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' to='b.c' version='1.0'>"
        );
        bench.say(HEADER);
        bench.say(PLAIN);
        assert_eq!(
            bench.written(),
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAZ2VoZWlt</auth>"
        );
        bench.say(SUCCESS);
        assert!(bench.written().starts_with("<?xml version='1.0'?><stream:stream "));
        for text in [HEADER, BIND, BOUND, "<presence/>", ENABLED, "<message/>"] {
            bench.say(text);
        }
        let [Happening::Up { jid, resumed: false }, Happening::Stanza(early), Happening::Stanza(first)] =
            &bench.told[..]
        else {
            panic!("{:?}", bench.told);
        };
        assert_eq!((jid.as_str(), early.name(), first.name()), ("a@b.c/kettle", "presence", "message"));
        // What came before `enabled` does not count (XEP-0198 section 3).
        bench.say("<r xmlns='urn:xmpp:sm:3'/>");
        assert!(bench.written().ends_with("<a xmlns='urn:xmpp:sm:3' h='1'/>"));
    }
}

#[test]
fn what_is_put_in_before_tls_ends_the_attempt() {
    let mut bench = Bench::new();
    bench.open(false);
    bench.say(HEADER);
    bench.say(STARTTLS);
    bench.say(&format!("{PROCEED}<stream:features/>"));
    let failure = bench.end();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(bench.client.is_over());
}

#[test]
fn a_broken_session_is_resumed_and_lost_stanzas_are_sent_again() {
    let mut bench = Bench::up();
    for id in ["1", "2"] {
        bench.client.send(&Element::new(ns::CLIENT, "message").attr("id", id));
    }
    bench.say("<message/>");
    bench.client.cut();
    bench.turn();
    assert_eq!(bench.end().kind, FailureKind::Lost);
    bench.open(true);
    for text in [HEADER, PLAIN, SUCCESS, HEADER] {
        bench.say(text);
    }
    bench.written();
    bench.say(BIND);
    assert_eq!(bench.written(), "<resume xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>");
    bench.told.clear();
    bench.say("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>");
    assert!(matches!(&bench.told[..], [Happening::Up { resumed: true, jid }] if jid == "a@b.c/kettle"));
    assert_eq!(bench.written(), "<message id='2'/>");
}

#[test]
fn another_account_has_a_session_of_its_own() {
    let mut bench = Bench::up();
    bench.client.cut();
    let other = Account { jid: BareJid::parse("z@b.c").unwrap(), ..account() };
    bench.client.open(bench.now, &other, [1; 18], true);
    bench.turn();
    for text in [HEADER, PLAIN, SUCCESS, HEADER] {
        bench.say(text);
    }
    bench.written();
    bench.say(BIND);
    assert!(bench.written().contains("<bind "));
}

#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let mut bench = Bench::up();
    bench.wait(59);
    assert_eq!(bench.written(), "");
    bench.wait(1);
    assert_eq!(bench.written(), "<r xmlns='urn:xmpp:sm:3'/>");
    bench.wait(10);
    bench.say("<a xmlns='urn:xmpp:sm:3' h='0'/>");
    bench.wait(59);
    assert_eq!(bench.written(), "");
    bench.wait(1);
    assert_eq!(bench.written(), "<r xmlns='urn:xmpp:sm:3'/>");
    bench.wait(20);
    assert_eq!(bench.end().text, "the server was silent for 80 s");
    assert!(bench.written().contains("<connection-timeout "));
}

#[test]
fn a_server_that_does_not_sign_on_is_given_up() {
    let mut bench = Bench::new();
    bench.open(true);
    bench.say(HEADER);
    assert_eq!(bench.client.deadline(), Some(Instant::START.plus(Duration::from_secs(30))));
    bench.wait(30);
    assert_eq!(bench.end().kind, FailureKind::Unreachable);
}

#[test]
fn a_server_that_takes_nothing_is_given_up() {
    let mut bench = Bench::up();
    let stanza = Element::new(ns::CLIENT, "message").text("x".repeat(1000));
    (0..20).for_each(|_| bench.client.send(&stanza));
    assert!(
        matches!(bench.client.poll(bench.now), Some(Happening::Down(failure)) if failure.kind == FailureKind::Lost)
    );
}

#[test]
fn closing_says_goodbye_and_waits_a_moment_for_the_servers_end() {
    for answers in [true, false] {
        let mut bench = Bench::up();
        bench.say("<message/>");
        bench.client.close(bench.now);
        bench.turn();
        assert_eq!(bench.written(), "<a xmlns='urn:xmpp:sm:3' h='1'/></stream:stream>");
        assert!(!bench.client.is_over());
        bench.told.clear();
        if answers {
            bench.say("<message/></stream:stream>");
        } else {
            bench.wait(2);
        }
        assert!(bench.client.is_over());
        assert!(bench.told.is_empty(), "{:?}", bench.told);
    }
}

#[test]
fn what_a_stranger_overdoes_is_answered_and_counted_and_the_stream_goes_on() {
    let attributes = (0..500).map(|i| format!(" a{i}=''")).collect::<Vec<_>>().concat();
    for inner in [
        "<a/>".repeat(2000),
        format!("{}{}", "<a>".repeat(2000), "</a>".repeat(2000)),
        "x".repeat(100_000),
        format!("<a{attributes}/>"),
        format!("<a b='{}'/>", "c".repeat(9000)),
        "<b:c/>".to_owned(),
    ] {
        let mut bench = Bench { step: 1000, ..Bench::up() };
        bench.say(&format!("<iq from='eve@b.c/1' type='get' id='7'>{inner}</iq><message/>"));
        assert!(matches!(&bench.told[..], [Happening::Stanza(message)] if message.name() == "message"));
        let answer = bench.written();
        assert!(answer.starts_with("<iq type='error' to='eve@b.c/1' id='7'>"), "{answer}");
        bench.say("<r xmlns='urn:xmpp:sm:3'/>");
        assert!(bench.written().contains("h='2'"));
    }
}

#[test]
fn xml_without_an_end_gets_a_stream_error() {
    for (begin, piece) in
        [("<message>", "text "), ("<message>", "<a>"), ("<message ", "a='b' "), ("", "<?x ")]
    {
        let mut bench = Bench::up();
        bench.say(begin);
        for _ in 0..400_000 {
            bench.say(piece);
            if !bench.told.is_empty() {
                break;
            }
        }
        let failure = bench.end();
        assert_eq!(failure.kind, FailureKind::Protocol, "{failure:?}");
        assert!(bench.written().starts_with("<stream:error><"));
        assert!(bench.client.is_over());
    }
}

#[test]
fn a_server_that_overdoes_it_while_signing_on_gets_a_stream_error() {
    for text in [
        format!(
            "<?xml version='1.0'?><stream:stream xmlns:stream='{}' id='{}'>",
            ns::STREAMS,
            "x".repeat(20_000)
        ),
        format!("{HEADER}<stream:features>{}</stream:features>", "<a/>".repeat(1000)),
        "<html><body>".to_owned(),
        "HTTP/1.1 400 Bad Request".to_owned(),
        format!("{HEADER}{}", "</stream:stream>"),
        "<stream:stream xmlns:stream='urn:other'>".to_owned(),
    ] {
        let mut bench = Bench::new();
        bench.open(true);
        bench.say(&text);
        let failure = bench.end();
        assert!(matches!(failure.kind, FailureKind::Protocol | FailureKind::Lost), "{failure:?}");
        assert!(bench.client.is_over());
    }
}

#[test]
fn a_server_may_end_a_stream_in_its_own_words() {
    let mut bench = Bench::up();
    bench.say(
        "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Replaced</text></stream:error></stream:stream>",
    );
    assert_eq!(bench.end(), StreamFailure { kind: FailureKind::Conflict, text: "conflict: Replaced".into() });
}
