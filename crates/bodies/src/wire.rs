//! The server of that hour as far as bytes go: it signs the device on (RFC 6120 sections 4 to 7), writes down what it says
//! and answers as [`thingfleet_simulated::Server`] does. It lets everybody in, and offers neither SCRAM nor stream
//! management: what comes of those is proven with real servers.

use alloc::{format, string::String};
use core::fmt::{self, Write as _};
use thingfleet_device::{ns, xml::Element};
use thingfleet_link::xmpp::{
    frame::{Framer, Limits},
    receive::{Received, receive},
};
use thingfleet_simulated::{DEVICE, Server, answer_to};

/// A server that outlives connections.
pub struct Wire {
    server: Server,
    framer: Framer,
    /// Whether it insists on TLS; whoever owns it need not do more than say so.
    has_tls: bool,
    is_secure: bool,
    is_authenticated: bool,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("is_authenticated", &self.is_authenticated).finish_non_exhaustive()
    }
}

impl Wire {
    /// A server that nobody is connected to.
    pub fn new(server: Server, has_tls: bool) -> Self {
        let framer = Framer::new(Limits::HOST);
        Self { server, framer, has_tls, is_secure: false, is_authenticated: false }
    }

    /// A client connects; the last one is gone.
    pub fn connected(&mut self) {
        self.framer = Framer::new(Limits::HOST);
        self.framer.restart();
        (self.is_secure, self.is_authenticated) = (!self.has_tls, false);
    }

    /// Takes what the client writes, tells each stanza and gives what it gets.
    pub fn take(&mut self, bytes: &[u8], mut heard: impl FnMut(&Element)) -> String {
        let mut out = String::new();
        self.framer.push(bytes);
        // What is no XML is no device's of ours, and gets no answer.
        while let Ok(Some(frame)) = self.framer.frame() {
            match receive(&frame, Limits::HOST) {
                Received::Element(element) => self.element(&element, &mut out, &mut heard),
                Received::Refused(_) => {}
                Received::Footer => out.push_str("</stream:stream>"),
            }
        }
        out
    }

    fn element(&mut self, element: &Element, out: &mut String, heard: &mut impl FnMut(&Element)) {
        match (element.namespace(), element.name()) {
            (ns::STREAMS, "stream") => self.features(out),
            (ns::TLS, "starttls") => {
                self.is_secure = true;
                self.framer.restart();
                Element::new(ns::TLS, "proceed").write_to(out, ns::CLIENT);
            }
            (ns::SASL, "auth") => {
                self.is_authenticated = true;
                self.framer.restart();
                Element::new(ns::SASL, "success").write_to(out, ns::CLIENT);
            }
            (ns::CLIENT, _) => self.stanza(element, out, heard),
            _ => {}
        }
    }

    fn stanza(&mut self, stanza: &Element, out: &mut String, heard: &mut impl FnMut(&Element)) {
        if let Some(bind) = stanza.get(ns::BIND, "bind") {
            let resource = bind.get(ns::BIND, "resource").map(Element::get_text).unwrap_or_default();
            let jid = Element::new(ns::BIND, "jid").text(format!("{DEVICE}/{resource}"));
            let bind = Element::new(ns::BIND, "bind").child(jid);
            return answer_to(stanza, Some(bind)).write_to(out, ns::CLIENT);
        }
        heard(stanza);
        for answer in self.server.answer(stanza) {
            answer.write_to(out, ns::CLIENT);
        }
    }

    fn features(&self, out: &mut String) {
        let (_, domain) = DEVICE.split_once('@').unwrap_or_default();
        // Writing to a String cannot fail.
        _ = write!(
            out,
            "<?xml version='1.0'?><stream:stream xmlns='{}' xmlns:stream='{}' from='{domain}' id='hour' \
             version='1.0'><stream:features>",
            ns::CLIENT,
            ns::STREAMS
        );
        let mechanism = Element::new(ns::SASL, "mechanism").text("PLAIN");
        let feature = match (self.is_secure, self.is_authenticated) {
            (false, _) => Element::new(ns::TLS, "starttls").child(Element::new(ns::TLS, "required")),
            (true, false) => Element::new(ns::SASL, "mechanisms").child(mechanism),
            (true, true) => Element::new(ns::BIND, "bind"),
        };
        feature.write_to(out, ns::CLIENT);
        out.push_str("</stream:features>");
    }
}
