//! Stanzas as they are built and answered (RFC 6120 section 8).

use crate::{
    ns,
    xml::{Element, Name},
};
use alloc::{format, string::String};

/// Conditions of stanza errors that a device sends (RFC 6120 section 8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    BadRequest,
    Forbidden,
    ItemNotFound,
    ResourceConstraint,
    ServiceUnavailable,
}

impl Condition {
    const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Forbidden => "forbidden",
            Self::ItemNotFound => "item-not-found",
            Self::ResourceConstraint => "resource-constraint",
            Self::ServiceUnavailable => "service-unavailable",
        }
    }

    /// The error type the RFC gives for the condition.
    const fn kind(self) -> &'static str {
        match self {
            Self::BadRequest => "modify",
            Self::Forbidden => "auth",
            Self::ResourceConstraint => "wait",
            Self::ItemNotFound | Self::ServiceUnavailable => "cancel",
        }
    }

    pub(crate) fn element(self) -> Element {
        Element::new(ns::CLIENT, "error")
            .attr("type", self.kind())
            .child(Element::new(ns::STANZAS, self.name()))
    }
}

/// An `iq` of type `get` or `set`.
pub(crate) fn request(kind: &'static str, to: Option<&str>, id: String, payload: Element) -> Element {
    Element::new(ns::CLIENT, "iq")
        .attr("type", kind)
        .attr("id", id)
        .attr_opt("to", to.map(String::from))
        .child(payload)
}

/// The `result` of a request, empty or with a payload.
pub(crate) fn result(request: &Element, payload: Option<Element>) -> Element {
    reply(request, "result").children_from(payload)
}

/// The error answer to an `iq` or `message`.
pub(crate) fn error(request: &Element, condition: Condition) -> Element {
    reply(request, "error").child(condition.element())
}

fn reply(request: &Element, kind: &'static str) -> Element {
    // Only requests and messages are answered.
    let name = if request.name() == "iq" { "iq" } else { "message" };
    Element::new(ns::CLIENT, name)
        .attr("type", kind)
        .attr_opt("id", request.get_attr("id").map(String::from))
        .attr_opt("to", request.get_attr("from").map(String::from))
}

/// A chat message.
pub(crate) fn chat(to: &str, id: String, body: impl Into<Name>) -> Element {
    Element::new(ns::CLIENT, "message")
        .attr("type", "chat")
        .attr("to", String::from(to))
        .attr("id", id)
        .child(Element::new(ns::CLIENT, "body").text(body))
}

/// A presence stanza of a subscription handshake, to a bare JID.
pub(crate) fn presence(to: &str, kind: &'static str) -> Element {
    Element::new(ns::CLIENT, "presence").attr("to", String::from(to)).attr("type", kind)
}

/// A failed request, as the server told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Defined condition: `not-acceptable`.
    pub(crate) condition: String,
    /// The condition of XEP-0060 beside it, if there is one: `precondition-not-met`.
    pub(crate) detail: Option<String>,
    /// Whether trying the same again later may help (error type `wait`, or an internal error of the server).
    pub(crate) is_transient: bool,
    text: Option<String>,
}

impl Failure {
    /// Reads the `error` of a stanza. A missing or strange one counts as `undefined-condition`.
    pub(crate) fn of(stanza: &Element) -> Self {
        let error = stanza.get(ns::CLIENT, "error");
        let of_namespace = |namespace: &str| {
            error
                .into_iter()
                .flat_map(Element::elements)
                .find(|e| e.namespace() == namespace && e.name() != "text")
        };
        let condition = of_namespace(ns::STANZAS).map_or("undefined-condition", Element::name);
        let text = error
            .and_then(|e| e.get(ns::STANZAS, "text"))
            .map(|text| text.get_text().chars().filter(|c| !c.is_control()).take(200).collect::<String>());
        let waits = error.and_then(|e| e.get_attr("type")) == Some("wait");
        Self {
            condition: condition.into(),
            detail: of_namespace(ns::PUBSUB_ERRORS).map(|e| e.name().into()),
            is_transient: waits || matches!(condition, "internal-server-error" | "remote-server-timeout"),
            text,
        }
    }

    /// The request was never answered.
    pub(crate) fn timeout() -> Self {
        Self { condition: "no answer".into(), detail: None, is_transient: true, text: None }
    }

    /// Whether this is that condition, general or of XEP-0060.
    pub(crate) fn is(&self, condition: &str) -> bool {
        self.condition == condition || self.detail.as_deref() == Some(condition)
    }

    /// In words: `not-acceptable (unsupported access model)`.
    pub(crate) fn describe(&self) -> String {
        match (&self.detail, &self.text) {
            (Some(detail), Some(text)) => format!("{}, {detail} ({text})", self.condition),
            (Some(detail), None) => format!("{}, {detail}", self.condition),
            (None, Some(text)) if !text.is_empty() => format!("{} ({text})", self.condition),
            (None, _) => self.condition.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_error_goes_back_to_where_the_request_came_from() {
        let ask =
            Element::parse("<iq xmlns='jabber:client' type='get' id='7' from='a@b/c'><x xmlns='y'/></iq>")
                .unwrap();
        assert_eq!(
            error(&ask, Condition::ServiceUnavailable).to_string(),
            "<iq xmlns='jabber:client' type='error' id='7' to='a@b/c'><error type='cancel'>\
             <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
    }

    #[test]
    fn a_failure_keeps_both_conditions_and_the_servers_words() {
        let answer = Element::parse(
            "<iq xmlns='jabber:client' type='error' id='1'><error type='cancel'>\
             <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <precondition-not-met xmlns='http://jabber.org/protocol/pubsub#errors'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Field does not match: access_model</text></error></iq>",
        )
        .unwrap();
        let failure = Failure::of(&answer);
        assert!(failure.is("precondition-not-met") && failure.is("conflict") && !failure.is_transient);
        assert_eq!(failure.describe(), "conflict, precondition-not-met (Field does not match: access_model)");
    }
}
