//! The three nodes (thesis 4.4.1), their configuration and the pubsub requests about them (XEP-0060).

use crate::{
    definition::Definition,
    instance::{Access, Addressing, Instance},
    io::ActuatorModeInForce,
    jid::{self, BareJid},
    ns,
    xml::{Element, Name},
};
use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

/// One of the nodes of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// Readings, and the mirror of actuators.
    Sensors,
    /// The user interface.
    Ui,
    /// Where clients write.
    Actuators,
}

impl Node {
    /// All of them, in the order in which they are made: what a client writes to comes last, when all else is there.
    pub(crate) const ALL: [Self; 3] = [Self::Sensors, Self::Ui, Self::Actuators];

    /// The name without any prefix.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sensors => "xmpp.iot.sensors",
            Self::Ui => "xmpp.iot.ui",
            Self::Actuators => "xmpp.iot.actuators",
        }
    }

    /// The name on the server.
    pub(crate) fn full_name(self, instance: &Instance) -> Name {
        match &instance.addressing {
            Addressing::Pep => Cow::Borrowed(self.name()),
            Addressing::Service { prefix, .. } => Cow::Owned(format!("{prefix}{}", self.name())),
        }
    }
}

/// Address of the service that has the nodes; `None` is the own account (XEP-0163).
pub(crate) fn service(instance: &Instance) -> Option<&str> {
    match &instance.addressing {
        Addressing::Pep => None,
        Addressing::Service { host, .. } => Some(host),
    }
}

/// A field of a node's configuration and its values.
pub(crate) type Field = (&'static str, Vec<Name>);

/// The configuration a node must have.
pub(crate) fn config(
    node: Node,
    definition: &Definition,
    instance: &Instance,
    mode: ActuatorModeInForce,
) -> Vec<Field> {
    let one = |value: &'static str| vec![Name::Borrowed(value)];
    let persists = node != Node::Actuators || mode == ActuatorModeInForce::Persistent;
    let mut fields = vec![("pubsub#persist_items", one(if persists { "true" } else { "false" }))];
    fields.extend(access_fields(&instance.access));
    match node {
        Node::Ui => fields.push(("pubsub#max_items", one("1"))),
        Node::Sensors | Node::Actuators if persists => {
            // Both servers allow 256 in their stock configuration; 64 is enough for all but the largest things.
            let items = if definition.channels.len() <= 64 { "64" } else { "256" };
            fields.push(("pubsub#max_items", one(items)));
        }
        Node::Sensors | Node::Actuators => {}
    }
    if node == Node::Actuators {
        fields.push(("pubsub#send_last_published_item", one("never")));
        fields.push(("pubsub#publish_model", one("publishers")));
    }
    fields
}

fn access_fields(access: &Access) -> Vec<Field> {
    let model = |name: &'static str| ("pubsub#access_model", vec![Name::Borrowed(name)]);
    match access {
        Access::Presence => vec![model("presence")],
        Access::Open => vec![model("open")],
        Access::Whitelist => vec![model("whitelist")],
        Access::Roster(groups) => vec![
            model("roster"),
            ("pubsub#roster_groups_allowed", groups.iter().cloned().map(Name::Owned).collect()),
        ],
    }
}

/// A submitted form (XEP-0004) of this `FORM_TYPE`.
fn submit(form_type: &'static str, fields: &[Field]) -> Element {
    let value = |text: Name| Element::new(ns::FORMS, "value").text(text);
    let hidden = Element::new(ns::FORMS, "field")
        .attr("var", "FORM_TYPE")
        .attr("type", "hidden")
        .child(value(form_type.into()));
    Element::new(ns::FORMS, "x").attr("type", "submit").child(hidden).children_from(fields.iter().map(
        |(name, values)| {
            Element::new(ns::FORMS, "field")
                .attr("var", *name)
                .children_from(values.iter().cloned().map(value))
        },
    ))
}

/// The fields in which a node's configuration, as the server told it, differs from `wanted`. Fields the server does
/// not know are no difference: there is nothing to mend.
pub(crate) fn differences(answer: &Element, wanted: &[Field]) -> Vec<Field> {
    let form = answer
        .get(ns::PUBSUB_OWNER, "pubsub")
        .and_then(|pubsub| pubsub.get(ns::PUBSUB_OWNER, "configure"))
        .and_then(|configure| configure.get(ns::FORMS, "x"));
    let present = |name: &str| {
        let fields = form.into_iter().flat_map(Element::elements);
        fields.filter(|f| f.is(ns::FORMS, "field")).find(|f| f.get_attr("var") == Some(name)).map(|field| {
            let values = field.elements().filter(|value| value.is(ns::FORMS, "value"));
            values.map(|value| canonical(&value.get_text())).collect::<Vec<_>>()
        })
    };
    let differs = |(name, values): &&Field| {
        let mut values: Vec<_> = values.iter().map(|value| canonical(value)).collect();
        values.sort_unstable();
        present(name).is_some_and(|mut there| {
            there.sort_unstable();
            there != values
        })
    };
    wanted.iter().filter(differs).cloned().collect()
}

/// Booleans have two spellings in forms (XEP-0004 section 3.3).
fn canonical(value: &str) -> String {
    match value {
        "1" => "true".into(),
        "0" => "false".into(),
        other => other.into(),
    }
}

/// Which of the nodes the server listed.
pub(crate) fn listed(answer: &Element, instance: &Instance) -> Vec<Node> {
    let items = || answer.get(ns::DISCO_ITEMS, "query").into_iter().flat_map(Element::elements);
    let is_there = |node: &Node| items().any(|item| item.get_attr("node") == Some(&node.full_name(instance)));
    Node::ALL.into_iter().filter(is_there).collect()
}

fn pubsub(child: Element) -> Element {
    Element::new(ns::PUBSUB, "pubsub").child(child)
}

fn owner(child: Element) -> Element {
    Element::new(ns::PUBSUB_OWNER, "pubsub").child(child)
}

/// Lists what a service, or the own account, has.
pub(crate) fn list() -> Element {
    Element::new(ns::DISCO_ITEMS, "query")
}

/// Makes a node with its configuration.
pub(crate) fn create(name: Name, fields: &[Field]) -> Element {
    let configure = Element::new(ns::PUBSUB, "configure").child(submit(ns::NODE_CONFIG, fields));
    pubsub(Element::new(ns::PUBSUB, "create").attr("node", name)).child(configure)
}

/// Reads a node's configuration.
pub(crate) fn read_config(name: Name) -> Element {
    owner(Element::new(ns::PUBSUB_OWNER, "configure").attr("node", name))
}

/// Changes a node's configuration.
pub(crate) fn write_config(name: Name, fields: &[Field]) -> Element {
    let form = submit(ns::NODE_CONFIG, fields);
    owner(Element::new(ns::PUBSUB_OWNER, "configure").attr("node", name).child(form))
}

/// Gives people affiliations with a node: `publisher`, `member`, `none`.
pub(crate) fn affiliate<'a>(
    name: Name,
    people: impl IntoIterator<Item = (&'a BareJid, &'static str)>,
) -> Element {
    let people = people.into_iter().map(|(jid, affiliation)| {
        Element::new(ns::PUBSUB_OWNER, "affiliation")
            .attr("jid", jid.to_string())
            .attr("affiliation", affiliation)
    });
    owner(Element::new(ns::PUBSUB_OWNER, "affiliations").attr("node", name).children_from(people))
}

/// Reads who has an affiliation with a node.
pub(crate) fn read_affiliations(name: Name) -> Element {
    owner(Element::new(ns::PUBSUB_OWNER, "affiliations").attr("node", name))
}

/// The people with an affiliation other than `owner`, from the answer to [`read_affiliations`].
pub(crate) fn affiliated(answer: &Element) -> Vec<BareJid> {
    let list = answer
        .get(ns::PUBSUB_OWNER, "pubsub")
        .and_then(|pubsub| pubsub.get(ns::PUBSUB_OWNER, "affiliations"))
        .into_iter()
        .flat_map(Element::elements);
    list.filter(|entry| !matches!(entry.get_attr("affiliation"), Some("owner" | "none") | None))
        .filter_map(|entry| jid::account(entry.get_attr("jid")?))
        .collect()
}

/// Removes a node with everything in it.
pub(crate) fn delete(name: Name) -> Element {
    owner(Element::new(ns::PUBSUB_OWNER, "delete").attr("node", name))
}

/// Removes all items of a node.
pub(crate) fn purge(name: Name) -> Element {
    owner(Element::new(ns::PUBSUB_OWNER, "purge").attr("node", name))
}

/// Ends somebody's subscription to a node.
pub(crate) fn unsubscribe(name: Name, person: &BareJid) -> Element {
    let subscription = Element::new(ns::PUBSUB_OWNER, "subscription")
        .attr("jid", person.to_string())
        .attr("subscription", "none");
    owner(Element::new(ns::PUBSUB_OWNER, "subscriptions").attr("node", name).child(subscription))
}

/// Subscribes the own account to a node.
pub(crate) fn subscribe(name: Name, own: &BareJid) -> Element {
    pubsub(Element::new(ns::PUBSUB, "subscribe").attr("node", name).attr("jid", own.to_string()))
}

/// Reads all items of a node.
pub(crate) fn fetch(name: Name) -> Element {
    pubsub(Element::new(ns::PUBSUB, "items").attr("node", name))
}

/// Publishes an item, with the publish options that the thesis prints and both servers take.
pub(crate) fn publish(name: Name, item: Name, payload: Element, persists: bool, access: &Access) -> Element {
    let item = Element::new(ns::PUBSUB, "item").attr("id", item).child(payload);
    let model = access_fields(access).swap_remove(0);
    let fields =
        [("pubsub#persist_items", vec![Name::Borrowed(if persists { "true" } else { "false" })]), model];
    let options = Element::new(ns::PUBSUB, "publish-options").child(submit(ns::PUBLISH_OPTIONS, &fields));
    pubsub(Element::new(ns::PUBSUB, "publish").attr("node", name).child(item)).child(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_publish_is_the_one_the_thesis_prints() {
        let payload =
            Element::new(ns::IOT, "val").attr("unit", "celsius").attr("type", "float").text("22.43");
        let published = publish(
            "xmpp.iot.sensors".into(),
            "xmpp.iot.sensor.temp".into(),
            payload,
            true,
            &Access::Presence,
        );
        assert_eq!(
            published.to_string(),
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='xmpp.iot.sensors'>\
             <item id='xmpp.iot.sensor.temp'><val xmlns='urn:xmpp:uwpx:iot' unit='celsius' type='float'>22.43</val></item>\
             </publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
             <value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
             <field var='pubsub#persist_items'><value>true</value></field>\
             <field var='pubsub#access_model'><value>presence</value></field></x></publish-options></pubsub>"
        );
    }

    #[test]
    fn only_fields_that_the_server_knows_and_has_otherwise_are_mended() {
        let answer = Element::parse(
            "<iq xmlns='jabber:client'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='x'>\
             <x xmlns='jabber:x:data' type='form'>\
             <field var='pubsub#persist_items'><value>1</value></field>\
             <field var='pubsub#access_model'><option label='o'><value>presence</value></option><value>open</value></field>\
             </x></configure></pubsub></iq>",
        )
        .unwrap();
        let (kettle, instance) = (testing::kettle(), testing::instance());
        let wanted = config(Node::Sensors, &kettle, &instance, ActuatorModeInForce::Transient);
        let mended: Vec<_> = differences(&answer, &wanted).into_iter().map(|(name, _)| name).collect();
        assert_eq!(mended, ["pubsub#access_model"]);
    }

    #[test]
    fn nodes_on_a_service_carry_the_devices_prefix() {
        let mut instance = testing::instance();
        instance.addressing =
            Addressing::Service { host: "pubsub.example.org".into(), prefix: "kettle-1.".into() };
        assert_eq!(Node::Ui.full_name(&instance), "kettle-1.xmpp.iot.ui");
        assert_eq!(service(&instance), Some("pubsub.example.org"));
    }
}
