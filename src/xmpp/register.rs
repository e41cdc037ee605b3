//! Accounts made and removed in band (XEP-0077).

use super::{
    connect::Connector,
    failure::{self, OpenError},
    negotiate,
    pipe::Pipe,
};
use std::sync::Arc;
use thingfleet_device::{jid::BareJid, ns, value::Secret, xml::Element};
use thingfleet_link::xmpp::{
    failure::{Condition, is_stream_error},
    receive::Received,
};
use tokio::time;

/// The stream feature (XEP-0077 section 8).
const REGISTER_FEATURE: &str = "http://jabber.org/features/iq-register";

/// What became of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It was made.
    Created,
    /// It existed before; whether the password is right shows at sign-on.
    Exists,
    /// The server does not make it.
    Refused {
        /// The server's condition and text.
        why: String,
        /// What a person can do about it.
        next_step: &'static str,
    },
}

/// Registers accounts of one domain, over one stream as long as the server lets it.
#[derive(Debug)]
pub struct Registrar {
    connector: Arc<Connector>,
    domain: String,
    stream: Option<Stream>,
}

struct Stream {
    pipe: Pipe,
    offered: bool,
    used: u32,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("used", &self.used).finish_non_exhaustive()
    }
}

impl Registrar {
    /// Makes a registrar for accounts of `domain`; connects with the first account.
    pub fn new(connector: Arc<Connector>, domain: impl Into<String>) -> Self {
        Self { connector, domain: domain.into(), stream: None }
    }

    /// Registers an account.
    ///
    /// # Errors
    /// [`OpenError`] if the server cannot be reached; accounts before this one stay made.
    pub async fn register(&mut self, jid: &BareJid, password: &Secret) -> Result<Registration, OpenError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        let first = stream.used == 0;
        match self.ask(&mut stream, jid, password).await {
            Ok(done) => {
                self.stream = Some(stream);
                Ok(done)
            }
            // Some servers close the stream after an account or two: once more on a fresh one.
            Err(_) if !first => {
                let mut stream = self.connect().await?;
                let done = self.ask(&mut stream, jid, password).await?;
                self.stream = Some(stream);
                Ok(done)
            }
            Err(error) => Err(error),
        }
    }

    /// Closes the stream politely.
    pub async fn close(mut self) {
        if let Some(mut stream) = self.stream.take() {
            stream.pipe.queue_footer();
            // Nothing depends on the server's answer.
            let _: Result<_, _> = time::timeout(self.connector.timeouts().close, stream.pipe.flush()).await;
        }
    }

    async fn connect(&self) -> Result<Stream, OpenError> {
        let (features, pipe) = negotiate::connect(&self.connector, &self.domain).await?;
        let offered = features.get(REGISTER_FEATURE, "register").is_some();
        Ok(Stream { pipe, offered, used: 0 })
    }

    async fn ask(
        &self,
        stream: &mut Stream,
        jid: &BareJid,
        password: &Secret,
    ) -> Result<Registration, OpenError> {
        if !stream.offered {
            return Ok(Registration::Refused {
                why: "the server does not offer registration".to_owned(),
                next_step: "turn in-band registration on (Prosody: `allow_registration`, ejabberd: `mod_register`), \
                            or give the devices accounts",
            });
        }
        stream.used += 1;
        let limit = self.connector.timeouts().sign_on;
        let id = format!("register-{}", stream.used);
        stream.pipe.queue(&request(&id, &self.domain, jid, password));
        let answered = time::timeout(limit, answer(&mut stream.pipe, &id)).await;
        answered.map_err(|_| OpenError::TimedOut { seconds: limit.as_secs() })?.map(|answer| outcome(&answer))
    }
}

/// The request that removes the account of the session that sends it (XEP-0077 section 3.2). The server answers and
/// then ends the stream.
pub fn removal(id: &str) -> Element {
    let query = Element::new(ns::REGISTER, "query").child(Element::new(ns::REGISTER, "remove"));
    Element::new(ns::CLIENT, "iq").attr("type", "set").attr("id", id.to_string()).child(query)
}

fn request(id: &str, domain: &str, jid: &BareJid, password: &Secret) -> Element {
    let field = |name: &'static str, value: &str| Element::new(ns::REGISTER, name).text(value.to_string());
    let query = Element::new(ns::REGISTER, "query")
        .child(field("username", jid.local()))
        .child(field("password", password.reveal()));
    Element::new(ns::CLIENT, "iq")
        .attr("type", "set")
        .attr("to", domain.to_string())
        .attr("id", id.to_string())
        .child(query)
}

async fn answer(pipe: &mut Pipe, id: &str) -> Result<Element, OpenError> {
    pipe.flush().await?;
    loop {
        match pipe.next().await? {
            Received::Element(element) if is_stream_error(&element) => {
                return Err(failure::stream_error(&element));
            }
            Received::Element(element) if element.get_attr("id") == Some(id) => return Ok(element),
            Received::Element(_) | Received::Refused(_) => {}
            Received::Footer => return Err(OpenError::Lost("the server closed the stream".to_owned())),
        }
    }
}

fn outcome(answer: &Element) -> Registration {
    if answer.get_attr("type") == Some("result") {
        return Registration::Created;
    }
    let condition = Condition::of_stanza(answer);
    let why = condition.to_string();
    let next_step = match condition.name.as_str() {
        "conflict" => return Registration::Exists,
        // ejabberd makes one account every ten minutes from one address unless told otherwise.
        "resource-constraint" | "wait" => {
            "the server limits how fast accounts are made; raise its limit (ejabberd: `registration_timeout`, \
             Prosody: `registration_throttle_max`) or wait"
        }
        "not-acceptable" | "bad-request" => {
            "choose another name or a longer password; the server refuses this one"
        }
        "not-allowed" | "forbidden" | "service-unavailable" | "feature-not-implemented" => {
            "allow registration for this address on the server, or give the devices accounts"
        }
        _ => "see the server's log",
    };
    Registration::Refused { why, next_step }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome_of(text: &str) -> Registration {
        outcome(&Element::parse(text).unwrap())
    }

    #[test]
    fn what_servers_answer_is_told_apart() {
        assert_eq!(outcome_of("<iq xmlns='jabber:client' type='result'/>"), Registration::Created);
        let error = |inner: &str| {
            format!(
                "<iq xmlns='jabber:client' type='error'><query xmlns='jabber:iq:register'/><error>{inner}</error></iq>"
            )
        };
        let stanzas = ns::STANZAS;
        assert_eq!(outcome_of(&error(&format!("<conflict xmlns='{stanzas}'/>"))), Registration::Exists);
        let throttled = outcome_of(&error(&format!(
            "<resource-constraint xmlns='{stanzas}'/><text xmlns='{stanzas}'>Users are not allowed to register accounts so quickly</text>"
        )));
        let Registration::Refused { why, next_step } = throttled else { panic!("{throttled:?}") };
        assert_eq!(why, "resource-constraint: Users are not allowed to register accounts so quickly");
        assert!(next_step.contains("registration_timeout"));
    }
}
