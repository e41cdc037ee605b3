//! A small client on top of [`Session`], for the command line and for tests: sign in, ask, listen.

use super::{
    connect::Connector,
    register,
    session::{Session, SessionEvent},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use thingfleet_device::{instance::Account, io::StreamFailure, jid::BareJid, ns, xml::Element};
use thingfleet_link::xmpp::failure::Condition;
use tokio::time;

/// How long a request may take.
const ANSWER: Duration = Duration::from_secs(20);

/// Stanzas kept while a request waits for its answer; the oldest go first.
const BACKLOG: usize = 1024;

/// A signed-in client.
#[derive(Debug)]
pub struct Client {
    session: Session,
    jid: String,
    requests: u64,
    backlog: VecDeque<Element>,
}

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum IqError {
    /// The other side refused it.
    #[error("{condition}{}{text}", if .text.is_empty() { "" } else { ": " })]
    Refused {
        /// The condition's name in RFC 6120 section 8.3.
        condition: String,
        /// The text, if one was sent.
        text: String,
    },
    /// No answer came.
    #[error("no answer within {} s", ANSWER.as_secs())]
    TimedOut,
    /// The stream broke.
    #[error("{}", .0.text)]
    Down(StreamFailure),
}

/// The answer to a request of somebody else (RFC 6120 section 8.2.3): a roster push of the own server is taken, all
/// others are refused. `None` for what is no request.
pub fn answer(request: &Element, own: &BareJid) -> Option<Element> {
    if request.name() != "iq" || !matches!(request.get_attr("type"), Some("get" | "set")) {
        return None;
    }
    let from = request.get_attr("from");
    // RFC 6121 section 2.1.6: it comes from the own account or from nobody.
    let is_push = from.is_none_or(|from| own.covers(from)) && request.get(ns::ROSTER, "query").is_some();
    let answer = Element::new(ns::CLIENT, "iq")
        .attr_opt("to", from.map(str::to_owned))
        .attr_opt("id", request.get_attr("id").map(str::to_owned));
    if is_push {
        return Some(answer.attr("type", "result"));
    }
    let condition = Element::new(ns::STANZAS, "service-unavailable");
    let error = Element::new(ns::CLIENT, "error").attr("type", "cancel").child(condition);
    Some(answer.attr("type", "error").child(error))
}

impl Client {
    /// Signs in.
    ///
    /// # Errors
    /// The [`StreamFailure`] that kept it from signing in.
    pub async fn sign_in(connector: Arc<Connector>, account: &Account) -> Result<Self, StreamFailure> {
        let mut session = Session::new(connector);
        session.open(account);
        loop {
            match session.next().await {
                SessionEvent::Up { jid, .. } => {
                    return Ok(Self { session, jid, requests: 0, backlog: VecDeque::new() });
                }
                SessionEvent::Down(failure) => return Err(failure),
                SessionEvent::Stanza(_) => {}
            }
        }
    }

    /// The full JID.
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// Queues a stanza; it is written with the next await of this client.
    pub fn send(&mut self, stanza: Element) {
        self.session.send(stanza);
    }

    /// Becomes available.
    pub fn be_available(&mut self) {
        self.send(Element::new(ns::CLIENT, "presence"));
    }

    /// Sends presence of a kind (`subscribe`, `subscribed`, `unsubscribe`, …) to somebody.
    pub fn presence(&mut self, kind: &str, to: &str) {
        self.send(
            Element::new(ns::CLIENT, "presence").attr("type", kind.to_string()).attr("to", to.to_string()),
        );
    }

    /// Says something to somebody.
    pub fn say(&mut self, to: &str, text: &str) {
        let body = Element::new(ns::CLIENT, "body").text(text.to_string());
        self.send(
            Element::new(ns::CLIENT, "message").attr("type", "chat").attr("to", to.to_string()).child(body),
        );
    }

    /// Sends a request of `kind` (`get` or `set`) and waits for its result; `to` is `None` for the own account.
    ///
    /// # Errors
    /// [`IqError`] if it is refused, not answered, or the stream breaks.
    pub async fn iq(&mut self, kind: &str, to: Option<&str>, payload: Element) -> Result<Element, IqError> {
        self.requests += 1;
        let id = format!("client-{}", self.requests);
        self.send(
            Element::new(ns::CLIENT, "iq")
                .attr("type", kind.to_string())
                .attr("id", id.clone())
                .attr_opt("to", to.map(String::from))
                .child(payload),
        );
        time::timeout(ANSWER, self.answer(&id, to)).await.map_err(|_| IqError::TimedOut)?
    }

    /// The roster, as the server's `<query/>`.
    ///
    /// # Errors
    /// As [`Self::iq`].
    pub async fn roster(&mut self) -> Result<Element, IqError> {
        let answer = self.iq("get", None, Element::new(ns::ROSTER, "query")).await?;
        Ok(answer.get(ns::ROSTER, "query").cloned().unwrap_or_else(|| Element::new(ns::ROSTER, "query")))
    }

    /// Removes the account that is signed in (XEP-0077 section 3.2).
    ///
    /// # Errors
    /// As [`Self::iq`]; a server that ends the stream first has removed it too.
    pub async fn unregister(mut self) -> Result<(), IqError> {
        self.send(register::removal("unregister"));
        match time::timeout(ANSWER, self.answer("unregister", None)).await {
            Err(_) => Err(IqError::TimedOut),
            Ok(Ok(_) | Err(IqError::Down(_))) => Ok(()),
            Ok(Err(error)) => Err(error),
        }
    }

    /// Waits for the next stanza. Requests of others are among them; the caller answers.
    ///
    /// # Errors
    /// The [`StreamFailure`] that ended the stream.
    pub async fn next(&mut self) -> Result<Element, StreamFailure> {
        if let Some(stanza) = self.backlog.pop_front() {
            return Ok(stanza);
        }
        loop {
            match self.session.next().await {
                SessionEvent::Stanza(stanza) => return Ok(*stanza),
                SessionEvent::Down(failure) => return Err(failure),
                SessionEvent::Up { jid, .. } => self.jid = jid,
            }
        }
    }

    /// Signs out.
    pub async fn sign_out(mut self) {
        self.session.close();
        self.session.closed().await;
    }

    async fn answer(&mut self, id: &str, to: Option<&str>) -> Result<Element, IqError> {
        loop {
            let stanza = match self.session.next().await {
                SessionEvent::Stanza(stanza) => *stanza,
                SessionEvent::Down(failure) => return Err(IqError::Down(failure)),
                SessionEvent::Up { .. } => continue,
            };
            let kind = stanza.get_attr("type");
            let is_answer = stanza.name() == "iq"
                && stanza.get_attr("id") == Some(id)
                && matches!(kind, Some("result" | "error"))
                && to.is_none_or(|to| stanza.get_attr("from") == Some(to));
            if !is_answer {
                if self.backlog.len() == BACKLOG {
                    self.backlog.pop_front();
                }
                self.backlog.push_back(stanza);
                continue;
            }
            if kind == Some("result") {
                return Ok(stanza);
            }
            let Condition { name: condition, text } = Condition::of_stanza(&stanza);
            return Err(IqError::Refused { condition, text });
        }
    }
}
