//! The user interface a client draws for a device: a data form (XEP-0004) with read-only marks (XEP-0336), published
//! as item `current` of the UI node (thesis 4.4.4), with the field types of the reference client.

use super::wire;
use crate::{
    definition::{Channel, Definition, Kind, Range, Role},
    ns,
    value::format_float,
    xml::Element,
};
use alloc::{format, string::ToString};

/// Id of the only item of the UI node.
pub(crate) const ITEM: &str = "current";

/// The form of a device.
pub(crate) fn element(definition: &Definition) -> Element {
    let mut form = Element::new(ns::FORMS, "x")
        .attr("type", "form")
        .child(Element::new(ns::FORMS, "title").text(definition.title.clone()));
    let mut group = None;
    for channel in &definition.channels {
        if channel.group != group {
            group.clone_from(&channel.group);
            if let Some(heading) = &group {
                form = form.child(header(channel, heading));
            }
        }
        form = form.child(field(channel));
    }
    form
}

/// A heading needs a `var` of its own: clients index fields by it.
fn header(first: &Channel, heading: &str) -> Element {
    Element::new(ns::FORMS, "field")
        .attr("type", "header")
        .attr("label", heading.to_string())
        .attr("var", format!("xmpp.iot.sensor.header.{}", first.name))
}

fn field(channel: &Channel) -> Element {
    let field = Element::new(ns::FORMS, "field")
        .attr("type", field_type(channel))
        .attr("label", channel.label.clone())
        .attr("var", wire::ui_item(channel));
    match &channel.kind {
        Kind::Choice(options) if channel.settable => field.children_from(options.iter().map(|option| {
            let value = Element::new(ns::FORMS, "value").text(option.name.clone());
            Element::new(ns::FORMS, "option").attr("label", option.label.clone()).child(value)
        })),
        _ if !channel.settable => field.child(Element::new(ns::DYNAMIC_FORMS, "readOnly")),
        _ => match slider(channel) {
            Some((range, step)) => {
                // The reference client shows a slider only with all three.
                let text = |number| format_float(number, None);
                field.attr("min", text(range.min)).attr("max", text(range.max)).attr("steps", text(step))
            }
            None => field,
        },
    }
}

fn field_type(channel: &Channel) -> &'static str {
    match &channel.kind {
        Kind::Boolean => "boolean",
        Kind::Button if channel.role == Role::Actuator => "button",
        Kind::Choice(_) if channel.settable => "list-single",
        _ if slider(channel).is_some() => "slider",
        Kind::Integer | Kind::Float | Kind::Choice(_) | Kind::Text(_) | Kind::Button => "text-single",
    }
}

/// Range and step of a channel that a slider can set.
fn slider(channel: &Channel) -> Option<(Range, f64)> {
    match channel.kind {
        Kind::Integer | Kind::Float if channel.settable => {
            let range = channel.range?;
            let default = if channel.kind == Kind::Integer { 1.0 } else { (range.max - range.min) / 100.0 };
            Some((range, channel.step.unwrap_or(default)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_form_has_a_field_for_each_channel_in_the_shape_the_reference_client_draws() {
        let mut kettle = testing::kettle();
        kettle.channels[1].group = Some("Controls".to_string());
        for channel in &mut kettle.channels[2..] {
            channel.group = Some("Controls".to_string());
        }
        assert_eq!(
            element(&kettle).to_string(),
            "<x xmlns='jabber:x:data' type='form'><title>Electric kettle</title>\
             <field type='text-single' label='Water temperature' var='xmpp.iot.sensor.temp'>\
             <readOnly xmlns='urn:xmpp:xdata:dynamic'/></field>\
             <field type='header' label='Controls' var='xmpp.iot.sensor.header.powerOn'/>\
             <field type='boolean' label='powerOn' var='xmpp.iot.actuator.powerOn'/>\
             <field type='slider' label='target' var='xmpp.iot.actuator.target' min='40' max='100' steps='5'/>\
             <field type='list-single' label='mode' var='xmpp.iot.actuator.mode'>\
             <option label='Boil'><value>boil</value></option><option label='Keep warm'><value>keep</value></option></field>\
             <field type='button' label='beep' var='xmpp.iot.actuator.beep'/></x>"
        );
    }
}
