//! Stanzas and GATT operations in the words of the control interface, without secrets.
//!
//! A device has hardly any reason to send a secret once it is signed on, but what others send it is theirs to choose:
//! what registers, authenticates or is called a password goes nowhere from here.

use thingfleet_control::traffic::{Direction, Gatt, Operation, REDACTED, Refused, Stanza, What};
use thingfleet_device::{
    commissioning::gatt::{AttError, Characteristic, Write},
    definition::Security,
    xml::{Element, Node},
};

/// Namespaces in which every text is a secret: XEP-0077, XEP-0078, RFC 6120 section 6, XEP-0388.
const SECRET: [&str; 4] =
    ["jabber:iq:register", "jabber:iq:auth", "urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:sasl:2"];
/// Parts of names of elements, attributes and form fields whose values are secrets.
const TELLTALE: [&str; 3] = ["password", "secret", "token"];

/// A stanza as it is told.
pub(crate) fn stanza(direction: Direction, stanza: &Element) -> What {
    What::Stanza(Stanza::new(direction, without_secrets(stanza, false).to_string()))
}

/// An operation that concerns no characteristic.
pub(crate) fn operation(operation: Operation) -> What {
    What::Gatt(Gatt::new(operation))
}

/// What a client reads, which is printed on the device anyway.
pub(crate) fn read(characteristic: Characteristic, value: &str) -> What {
    let value = (value.len() as u64, Some(value.to_owned()));
    What::Gatt(on(characteristic, Operation::Read, value, None))
}

/// What a client wrote on a device that is protected like that, and what it was answered.
pub(crate) fn write(write: &Write, security: Security, answer: Result<(), AttError>) -> What {
    let is_secret = match write.characteristic {
        Characteristic::NetworkPassword | Characteristic::JidPassword => true,
        Characteristic::Language
        | Characteristic::HardwareRevision
        | Characteristic::SoftwareRevision
        | Characteristic::SerialNumber
        | Characteristic::ManufacturerName
        | Characteristic::Ssid
        | Characteristic::Jid
        | Characteristic::JidSender
        | Characteristic::SetupDone => match security {
            // It tells nothing, and may be a password that went to the wrong place.
            Security::Sealed => write.characteristic != Characteristic::SetupDone,
            Security::Open | Security::Encrypted => false,
        },
    };
    let value = (write.value.len() as u64, (!is_secret).then(|| shown(&write.value)));
    let refused = answer.err().map(|error| Refused { code: error.code(), text: words(error).to_owned() });
    What::Gatt(on(write.characteristic, Operation::Write, value, refused))
}

fn on(
    characteristic: Characteristic,
    operation: Operation,
    (length, value): (u64, Option<String>),
    refused: Option<Refused>,
) -> Gatt {
    Gatt {
        operation,
        characteristic: Some(characteristic.name().to_owned()),
        uuid: Some(characteristic.uuid().to_string()),
        length: Some(length),
        value,
        refused,
    }
}

/// A value as text where it is one, else in hexadecimal.
fn shown(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => value.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    }
}

const fn words(error: AttError) -> &'static str {
    match error {
        AttError::WriteNotPermitted => "write not permitted",
        AttError::InsufficientEncryption => "insufficient encryption",
        AttError::InvalidLength => "invalid length",
        AttError::ValueNotAllowed => "value not allowed",
        AttError::Incomplete => "something was not written yet",
        AttError::NotSealed => "not sealed to the key of the device",
    }
}

/// The same element with its secrets redacted; all of its texts, if it stands in one.
fn without_secrets(element: &Element, is_in_secret: bool) -> Element {
    let names = [Some(element.name()), element.get_attr("var"), element.get_attr("type")];
    let is_secret = is_in_secret
        || SECRET.contains(&element.namespace())
        || names.into_iter().flatten().any(|name| is_telltale(name) || name == "text-private");
    let mut shown = Element::new(element.namespace().to_owned(), element.name().to_owned());
    for (name, value) in element.attributes() {
        let value = if is_telltale(name) { REDACTED } else { value };
        shown.set_attr(name.to_owned(), value.to_owned());
    }
    for node in element.nodes() {
        shown = match node {
            Node::Element(child) => shown.child(without_secrets(child, is_secret)),
            Node::Text(_) if is_secret => shown.text(REDACTED),
            Node::Text(text) => shown.text(text.clone().into_owned()),
        };
    }
    shown
}

fn is_telltale(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLTALE.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(xml: &str) -> String {
        let What::Stanza(stanza) = stanza(Direction::Received, &Element::parse(xml).unwrap()) else {
            panic!()
        };
        stanza.xml
    }

    #[test]
    fn what_is_no_secret_is_told_as_it_is() {
        let xml = "<message xmlns='jabber:client' from='a@example.org' type='chat'><body>1 &lt; 2</body>\
                   <val xmlns='urn:xmpp:uwpx:iot' type='float'>22.43</val></message>";
        assert_eq!(told(xml), xml);
    }

    #[test]
    fn no_secret_comes_out_of_a_stanza() {
        for inner in [
            "<query xmlns='jabber:iq:register'><username>x</username><password>hunter2</password></query>",
            "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data'><field var='p'><value>hunter2</value>\
             </field></x></query>",
            "<query xmlns='jabber:iq:auth'><digest>hunter2</digest></query>",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>hunter2</auth>",
            "<authenticate xmlns='urn:xmpp:sasl:2'><initial-response>hunter2</initial-response></authenticate>",
            "<x xmlns='jabber:x:data'><field var='wifi' type='text-private'><value>hunter2</value></field></x>",
            "<x xmlns='jabber:x:data'><field var='Muc#Roomconfig_RoomSecret'><value>hunter2</value></field></x>",
            "<x xmlns='urn:x'><apiToken>hun<b/>ter2</apiToken></x>",
            "<x xmlns='urn:x' token='hunter2'/>",
        ] {
            let xml = told(&format!("<iq xmlns='jabber:client' type='set' id='1'>{inner}</iq>"));
            assert!(xml.contains(REDACTED), "{xml}");
            assert!(!xml.contains("hunter2") && !xml.contains("ter2"), "{xml}");
            assert!(Element::parse(&xml).is_ok(), "{xml}");
        }
    }

    #[test]
    fn a_write_is_told_with_its_value_unless_that_may_be_a_secret() {
        let value = |characteristic, value: &[u8], security| {
            let request = Write { characteristic, value: value.to_vec(), encrypted: false };
            let What::Gatt(gatt) = write(&request, security, Ok(())) else { panic!() };
            assert_eq!(gatt.length, Some(value.len() as u64));
            gatt.value
        };
        let some = |text: &str| Some(text.to_owned());
        for (characteristic, bytes, open, sealed) in [
            (Characteristic::Ssid, &b"Home"[..], some("Home"), None),
            (Characteristic::Ssid, b"a\nb", some("0x610a62"), None),
            (Characteristic::NetworkPassword, b"hunter2", None, None),
            (Characteristic::JidPassword, b"hunter2", None, None),
            (Characteristic::SetupDone, &[1], some("0x01"), some("0x01")),
        ] {
            assert_eq!(value(characteristic, bytes, Security::Open), open, "{characteristic:?}");
            assert_eq!(value(characteristic, bytes, Security::Sealed), sealed, "{characteristic:?}");
        }
    }
}
