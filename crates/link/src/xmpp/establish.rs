//! What comes between signing on and the first stanza: the old session is resumed (XEP-0198 section 5), or a resource
//! bound (RFC 6120 section 7) and stream management turned on.
//!
//! Elements go in and out; whoever owns the stream reads and writes them.

use super::failure::{Condition, StreamError, is_stream_error};
use alloc::{borrow::ToOwned, string::String};
use thingfleet_device::{ns, stream_management::StreamManagement, xml::Element};

/// Id of the request to bind.
const BIND: &str = "bind";

/// On the way there.
#[derive(Debug)]
pub struct Establishing {
    resource: String,
    /// Whether the server offers stream management.
    is_managed: bool,
    stage: Stage,
}

/// ```text
///  Resuming ── refused ──► Binding ── bound ──► Enabling
///      └ resumed ► done       └ unmanaged ► done   └ answered ► done
/// ```
#[derive(Debug)]
enum Stage {
    Resuming,
    Binding,
    Enabling { jid: String },
}

/// What follows from an element.
#[derive(Debug)]
pub enum Step {
    /// This is sent, and more will come.
    Send(Element),
    /// It has nothing to do with this, and came before the server's last answer.
    Early(Element),
    /// The session is there.
    Done(Outcome),
}

/// What the server made of it.
#[derive(Debug)]
pub enum Outcome {
    /// The old session goes on; the server's `<resumed/>`.
    Resumed(Element),
    /// A new session.
    Bound {
        /// The full JID.
        jid: String,
        /// The answer to the request to enable stream management, if it was offered.
        management: Option<Element>,
    },
}

impl Establishing {
    /// Begins with `resume`, if there is a session to resume and the server can; gives what is sent first.
    pub fn begin(is_managed: bool, resource: &str, resume: Option<Element>) -> (Self, Element) {
        let resource = resource.to_owned();
        if let Some(resume) = resume.filter(|_| is_managed) {
            return (Self { resource, is_managed, stage: Stage::Resuming }, resume);
        }
        let begun = Self { resource, is_managed, stage: Stage::Binding };
        let request = begun.bind();
        (begun, request)
    }

    /// Takes an element.
    ///
    /// # Errors
    /// [`StreamError`] if the server refuses.
    pub fn take(&mut self, element: Element) -> Result<Step, StreamError> {
        if is_stream_error(&element) {
            return Err(StreamError::Stream(Condition::of_stream_error(&element)));
        }
        match &mut self.stage {
            Stage::Resuming if element.namespace() == ns::STREAM_MANAGEMENT => {
                if element.name() == "resumed" {
                    return Ok(Step::Done(Outcome::Resumed(element)));
                }
                self.stage = Stage::Binding;
                Ok(Step::Send(self.bind()))
            }
            Stage::Binding if element.is(ns::CLIENT, "iq") && element.get_attr("id") == Some(BIND) => {
                let jid = bound(&element)?;
                if self.is_managed {
                    self.stage = Stage::Enabling { jid };
                    return Ok(Step::Send(StreamManagement::enable()));
                }
                Ok(Step::Done(Outcome::Bound { jid, management: None }))
            }
            Stage::Enabling { jid } if element.namespace() == ns::STREAM_MANAGEMENT => {
                let jid = core::mem::take(jid);
                Ok(Step::Done(Outcome::Bound { jid, management: Some(element) }))
            }
            Stage::Resuming | Stage::Binding | Stage::Enabling { .. } => Ok(Step::Early(element)),
        }
    }

    fn bind(&self) -> Element {
        let resource = Element::new(ns::BIND, "resource").text(self.resource.clone());
        let bind = Element::new(ns::BIND, "bind").child(resource);
        Element::new(ns::CLIENT, "iq").attr("type", "set").attr("id", BIND).child(bind)
    }
}

/// The address in the answer to the request to bind.
fn bound(answer: &Element) -> Result<String, StreamError> {
    if answer.get_attr("type") == Some("error") {
        return Err(StreamError::Bind(Condition::of_stanza(answer)));
    }
    let jid = answer.get(ns::BIND, "bind").and_then(|bind| bind.get(ns::BIND, "jid"));
    let jid = jid.ok_or_else(|| StreamError::Unexpected("the server bound no address".to_owned()))?;
    Ok(jid.get_text().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn parse(text: &str) -> Element {
        Element::parse(text).unwrap()
    }

    fn sent(step: Step) -> Element {
        let Step::Send(element) = step else { panic!("{step:?}") };
        element
    }

    #[test]
    fn a_session_that_is_gone_is_followed_by_a_new_one() {
        let resume = Element::new(ns::STREAM_MANAGEMENT, "resume");
        let (mut establishing, first) = Establishing::begin(true, "kettle", Some(resume));
        assert_eq!(first.name(), "resume");
        let failed = format!("<failed xmlns='{}'/>", ns::STREAM_MANAGEMENT);
        assert!(sent(establishing.take(parse(&failed)).unwrap()).get(ns::BIND, "bind").is_some());
        let push = parse("<iq xmlns='jabber:client' type='set' id='1'/>");
        assert!(matches!(establishing.take(push), Ok(Step::Early(_))));
        let bound = format!(
            "<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='{}'><jid>a@b/c</jid></bind></iq>",
            ns::BIND
        );
        assert_eq!(sent(establishing.take(parse(&bound)).unwrap()).name(), "enable");
        let enabled = format!("<enabled xmlns='{}' id='s' resume='true'/>", ns::STREAM_MANAGEMENT);
        let Ok(Step::Done(Outcome::Bound { jid, management: Some(_) })) = establishing.take(parse(&enabled))
        else {
            panic!("not there");
        };
        assert_eq!(jid, "a@b/c");
    }

    #[test]
    fn without_stream_management_nothing_is_resumed_or_enabled() {
        let resume = Element::new(ns::STREAM_MANAGEMENT, "resume");
        let (mut establishing, first) = Establishing::begin(false, "kettle", Some(resume));
        assert!(first.get(ns::BIND, "bind").is_some());
        let empty = parse("<iq xmlns='jabber:client' type='result' id='bind'/>");
        assert!(matches!(establishing.take(empty), Err(StreamError::Unexpected(_))));
        let refused =
            "<iq xmlns='jabber:client' type='error' id='bind'><error><conflict xmlns='s'/></error></iq>";
        assert!(matches!(establishing.take(parse(refused)), Err(StreamError::Bind(_))));
    }
}
