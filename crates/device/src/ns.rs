//! Every XML namespace a device speaks, once.

/// Client stanzas (RFC 6120).
pub const CLIENT: &str = "jabber:client";
/// The stream itself (RFC 6120 section 4.8).
pub const STREAMS: &str = "http://etherx.jabber.org/streams";
/// STARTTLS (RFC 6120 section 5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 section 6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Stream errors (RFC 6120 section 4.9).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Resource binding (RFC 6120 section 7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Stanza errors (RFC 6120 section 8.3).
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// Roster (RFC 6121 section 2).
pub const ROSTER: &str = "jabber:iq:roster";
/// Data forms (XEP-0004).
pub const FORMS: &str = "jabber:x:data";
/// Service discovery, what an entity is (XEP-0030).
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// Service discovery, what an entity has (XEP-0030).
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// Extended stanza addressing (XEP-0033), by which ejabberd names a publisher.
pub const ADDRESS: &str = "http://jabber.org/protocol/address";
/// Publish-subscribe (XEP-0060).
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// Publish-subscribe errors (XEP-0060).
pub const PUBSUB_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
/// Publish-subscribe events (XEP-0060).
pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// Publish-subscribe for owners (XEP-0060).
pub const PUBSUB_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// `FORM_TYPE` of a node's configuration (XEP-0060 section 8.2).
pub const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// `FORM_TYPE` of publish options (XEP-0060 section 7.1.5).
pub const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// In-band registration (XEP-0077).
pub const REGISTER: &str = "jabber:iq:register";
/// Software version (XEP-0092).
pub const VERSION: &str = "jabber:iq:version";
/// Entity capabilities (XEP-0115).
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// Delivery receipts (XEP-0184).
pub const RECEIPTS: &str = "urn:xmpp:receipts";
/// Stream management (XEP-0198).
pub const STREAM_MANAGEMENT: &str = "urn:xmpp:sm:3";
/// Ping (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
/// Entity time (XEP-0202).
pub const TIME: &str = "urn:xmpp:time";
/// Delayed delivery (XEP-0203).
pub const DELAY: &str = "urn:xmpp:delay";
/// Dynamic forms (XEP-0336).
pub const DYNAMIC_FORMS: &str = "urn:xmpp:xdata:dynamic";
/// Unique stanza ids (XEP-0359).
pub const STANZA_IDS: &str = "urn:xmpp:sid:0";
/// Values of sensors and actuators (thesis 4.4.1).
pub const IOT: &str = "urn:xmpp:uwpx:iot";
