"""What the clients of one owner sent and saw, in order, over a server that dies in between."""

import contextlib
from dataclasses import dataclass, field

from slixmpp.xmlstream.xmlstream import NotConnectedError

import wire
from people import Person, Refused, bare


@dataclass
class Clients:
    """An owner's clients: the one that is there from the beginning, and the one that comes after the server died."""

    server: object
    all: list = field(default_factory=list)
    # What was set: by which client, when in what it saw, of which actuator of which device, to what.
    sent: list = field(default_factory=list)
    # What the server kept when somebody looked: as above, without the order to which it is due.
    fetched: dict = field(default_factory=dict)

    @property
    def present(self):
        """The one that is there now."""
        return self.all[-1]

    async def enter(self):
        """Comes, and is told of all values of its contacts without subscribing to each (XEP-0163 section 4)."""
        features = [f"{node}+notify" for node in wire.NODES]
        resource = f"phone-{len(self.all)}"
        self.all.append(await Person(self.server, "juliet", resource=resource, features=features).enter())
        return self.present

    async def leave(self):
        """Goes."""
        for person in self.all:
            await person.leave()

    def set(self, jid, name, text):
        """Sets an actuator and waits for nothing: the device may be away, and the server may be dead."""
        item = f"<item id='{wire.actuator(name)}'>{wire.val(text)}</item>"
        publish = f"<pubsub xmlns='{wire.PUBSUB}'><publish node='{wire.ACTUATORS}'>{item}</publish></pubsub>"
        when = (len(self.all), self.present.inbox.mark())
        with contextlib.suppress(NotConnectedError):
            self.present.send(f"<iq type='set' id='set-{len(self.sent)}' to='{jid}'>{publish}</iq>")
            self.sent.append((when, jid, name, text))

    async def look(self, jid):
        """Fetches the values of a device, as a client does that comes late."""
        with contextlib.suppress(Refused):
            values = wire.values(await self.present.fetch(jid, wire.SENSORS))
            self.fetched[jid] = (len(self.all), self.present.inbox.mark()), values

    def seen(self, jid, name):
        """The mirrors of an actuator in the order in which they were seen, as (when, text)."""
        item, came = wire.sensor(name), []
        for number, person in enumerate(self.all, 1):
            for place, stanza in enumerate(person.inbox.stanzas):
                if bare(stanza.get("from")) == jid:
                    value = wire.event_values(stanza, wire.SENSORS).get(item)
                    came += [((number, place), value.text)] if value is not None else []
        when, values = self.fetched.get(jid, (None, {}))
        if item in values:
            came.append((when, values[item].text))
        return sorted(came, key=lambda mirror: mirror[0])

    async def mirrored(self, jid, name, text, since):
        """Waits until the owner sees the mirror of an actuator with this value."""

        def find(stanza):
            value = wire.event_values(stanza, wire.SENSORS).get(wire.sensor(name))
            return value if bare(stanza.get("from")) == jid and value and equal(value.text, text) else None

        await self.present.inbox.wait(f"{name} = {text} of {jid}", find, since)

    def confirmed(self, jid, name):
        """What an actuator was set to last, where the owner saw that, and that of everything before it as well.

        None where something may still have been on its way, and where another value came afterwards.
        """
        sent = [(when, text) for when, to, what, text in self.sent if (to, what) == (jid, name)]
        seen = self.seen(jid, name)
        if not sent or not seen or not equal(seen[-1][1], sent[-1][1]):
            return None
        ends = [when for when, _ in sent[1:]] + [(len(self.all) + 1, 0)]
        for (begin, text), end in zip(sent, ends, strict=True):
            if not any(begin <= when < end and equal(mirror, text) for when, mirror in seen):
                return None
        return sent[-1][1]


def equal(one, other):
    """Whether two texts stand for the same value: `20` and `20.0` do."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other
