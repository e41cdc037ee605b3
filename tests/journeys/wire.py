"""The words of the protocol as a client sees them: names, namespaces, and readers of XML elements.

Written from docs/PROTOCOL.md and the XEPs, and on purpose without a look at the device's own code.
"""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

SENSORS = "xmpp.iot.sensors"
ACTUATORS = "xmpp.iot.actuators"
UI = "xmpp.iot.ui"
NODES = (SENSORS, ACTUATORS, UI)

IOT = "urn:xmpp:uwpx:iot"
CLIENT = "jabber:client"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
PUBSUB = "http://jabber.org/protocol/pubsub"
EVENT = PUBSUB + "#event"
OWNER = PUBSUB + "#owner"
DATA = "jabber:x:data"
DYNAMIC = "urn:xmpp:xdata:dynamic"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
CAPS = "http://jabber.org/protocol/caps"
PING = "urn:xmpp:ping"
TIME = "urn:xmpp:time"
VERSION = "jabber:iq:version"
ROSTER = "jabber:iq:roster"


def sensor(name):
    """Item id of a sensor."""
    return f"xmpp.iot.sensor.{name}"


def actuator(name):
    """Item id of an actuator."""
    return f"xmpp.iot.actuator.{name}"


@dataclass(frozen=True)
class Value:
    """A `<val/>` payload."""

    text: str
    type: str | None
    unit: str | None


@dataclass(frozen=True)
class Field:
    """One field of the UI form."""

    var: str | None
    type: str | None
    label: str | None
    value: str | None
    options: tuple
    read_only: bool
    attributes: dict


def values(holder):
    """Item id to Value, of an `<items/>` anywhere below an element."""
    found = {}
    for tag in (f"{{{PUBSUB}}}item", f"{{{EVENT}}}item"):
        for item in holder.iter(tag):
            payload = item.find(f"{{{IOT}}}val")
            if payload is not None:
                found[item.get("id")] = Value(payload.text or "", payload.get("type"), payload.get("unit"))
    return found


def event_values(stanza, node):
    """The values of a publish event of this node; empty for any other stanza."""
    for items in stanza.iter(f"{{{EVENT}}}items"):
        if items.get("node") == node:
            return values(items)
    return {}


def fields(holder):
    """The fields of the data form below an element, in order."""
    form = next(holder.iter(f"{{{DATA}}}x"))
    return [
        Field(
            var=field.get("var"),
            type=field.get("type"),
            label=field.get("label"),
            value=field.findtext(f"{{{DATA}}}value"),
            options=tuple(o.findtext(f"{{{DATA}}}value") for o in field.findall(f"{{{DATA}}}option")),
            read_only=field.find(f"{{{DYNAMIC}}}readOnly") is not None,
            attributes=dict(field.attrib),
        )
        for field in form.findall(f"{{{DATA}}}field")
    ]


def form_values(holder):
    """Variable to list of values of the data form below an element."""
    form = next(holder.iter(f"{{{DATA}}}x"))
    return {
        field.get("var"): [value.text or "" for value in field.findall(f"{{{DATA}}}value")]
        for field in form.findall(f"{{{DATA}}}field")
    }


def condition(error):
    """The defined condition of a stanza error (RFC 6120 section 8.3.3)."""
    for child in error:
        if child.tag.startswith(f"{{{STANZAS}}}") and not child.tag.endswith("}text"):
            return child.tag.split("}")[1]
    return "undefined-condition"


def node_config(**options):
    """A submitted node configuration form; double underscores are not needed, all names are `pubsub#…`."""
    return _form(OWNER.replace("#owner", "#node_config"), options)


def publish_options(**options):
    """A `<publish-options/>` element."""
    return f"<publish-options>{_form(PUBSUB + '#publish-options', options)}</publish-options>"


def val(text, type_=None, unit=None):
    """A `<val/>` payload as a client writes it."""
    element = ET.Element("val", {"xmlns": IOT})
    if unit is not None:
        element.set("unit", unit)
    if type_ is not None:
        element.set("type", type_)
    element.text = text
    return ET.tostring(element, encoding="unicode")


def _form(form_type, options):
    fields = f"<field var='FORM_TYPE' type='hidden'><value>{form_type}</value></field>"
    for name, value in options.items():
        fields += f"<field var='pubsub#{name}'><value>{value}</value></field>"
    return f"<x xmlns='{DATA}' type='submit'>{fields}</x>"
