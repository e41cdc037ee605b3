"""A board as its owner sees it, and the faults that are laid upon it from outside.

What a client sees is what slixmpp received; the control interface only begins and ends faults, and tells when the
device is back.
"""

import contextlib
import time
from pathlib import Path

import people
import wire
from people import Refused, bare

DEFINITION = Path(__file__).with_name("board.yaml")
PING = f"<ping xmlns='{wire.PING}'/>"


class Board:
    """A device that is online and in mutual presence with its owner, who is told of all its nodes."""

    def __init__(self, name, jid, owner, control):
        self.name = name
        self.jid = jid
        self.owner = owner
        self.control = control
        self.full = None
        # The kind of fault that the present test is about.
        self.kind = None

    # -- faults --

    @contextlib.asynccontextmanager
    async def fault(self, kind=None, **settings):
        """Lets something go wrong, and clears it at the end of the block."""
        await self.suffer(kind, **settings)
        try:
            yield
        finally:
            await self.control.do(self.name, "clear")

    async def suffer(self, kind=None, **settings):
        """Lets something go wrong that ends by itself, or later."""
        await self.control.do(self.name, "fault", fault={"fault": kind or self.kind, **settings})

    async def online(self):
        """Waits until the device is online."""
        await self.control.wait(self.name, "state == online")

    async def state(self, state):
        """Waits until the device is in this state."""
        await self.control.wait(self.name, f"state == {state}")

    # -- what its owner sees --

    def mark(self):
        """The present end of what the owner has heard."""
        return self.owner.inbox.mark()

    async def tells(self, channel, wanted=None, since=None):
        """Waits for a value of a sensor, or the mirror of an actuator, and returns it."""
        [value] = await self.hear(channel, 1, wanted, since)
        return value

    async def hear(self, channel, count, wanted=None, since=None, deadline=people.DEADLINE):
        """Waits for so many of them."""
        accepts = wanted if callable(wanted) else lambda text: wanted is None or text == wanted
        heard = []

        def find(stanza):
            value = self._values(stanza).get(wire.sensor(channel))
            if value is not None and accepts(value.text):
                heard.append(value)
            return heard if len(heard) == count else None

        what = f"{count} of {channel} = {wanted} from {self.jid}"
        return await self.owner.inbox.wait(what, find, self.mark() if since is None else since, deadline)

    def heard(self, channel, since):
        """The values of a channel that came from `since` on."""
        values = [self._values(stanza).get(wire.sensor(channel)) for stanza in self.owner.inbox.stanzas[since:]]
        return [value for value in values if value is not None]

    async def item(self, channel, find, since=None):
        """Waits for an item of a channel for whose element `find` gives something but None, and returns that."""

        def search(stanza):
            if bare(stanza.get("from")) != self.jid:
                return None
            items = (item for item in stanza.iter(f"{{{wire.EVENT}}}item") if item.get("id") == wire.sensor(channel))
            # Not by truth: an element without children is false.
            return next((found for found in map(find, items) if found is not None), None)

        return await self.owner.inbox.wait(
            f"an item of {channel}", search, self.mark() if since is None else since
        )

    async def fetch(self, node=wire.SENSORS):
        """What the server keeps of a node; None where there is no node."""
        try:
            return await self.owner.fetch(self.jid, node)
        except Refused as refused:
            assert refused.condition == "item-not-found"
            return None

    async def stored(self):
        """The values that the server keeps, by the ids of their items."""
        return wire.values(await self.owner.fetch(self.jid, wire.SENSORS))

    async def until(self, look, wanted, deadline=people.DEADLINE):
        """Looks again and again until what it sees is as `wanted` says, and returns that."""
        ends = time.monotonic() + deadline
        while not wanted(seen := await look()):
            assert time.monotonic() < ends, f"still {seen!r} after {deadline} s"
        return seen

    async def set(self, name, text):
        """Sets an actuator, as a client does."""
        await self.owner.actuate(self.jid, name, text)

    async def obeys(self, name, text):
        """Sets an actuator and waits for its mirror."""
        since = self.mark()
        await self.set(name, text)
        await self.tells(name, text, since)

    async def answers(self):
        """Has a request answered by the device; what it said before has come then. Returns how long it took."""
        began = time.monotonic()
        await self.owner.ask("get", self.full, PING)
        return time.monotonic() - began

    async def replies(self, count, since):
        """So many chat messages of the device, in the order in which they came."""
        came = []

        def find(stanza):
            body = stanza.findtext(f"{{{wire.CLIENT}}}body")
            if bare(stanza.get("from")) == self.jid and body:
                came.append(body)
            return came if len(came) == count else None

        return await self.owner.inbox.wait(f"{count} replies", find, since)

    async def gone(self, since):
        """Waits for unavailable presence."""
        await self.presence("is gone", "unavailable", since)

    async def back(self, since):
        """Waits for available presence."""
        self.full = (await self.presence("is back", None, since)).get("from")

    async def presence(self, what, kind, since):
        """Waits for presence of this type."""
        return await self.owner.inbox.wait(
            f"{self.jid} {what}", lambda s: s if self.is_presence(s, kind) else None, since
        )

    def presences(self, since, kind=None):
        """Presence of this type that came from `since` on."""
        return [stanza for stanza in self.owner.inbox.stanzas[since:] if self.is_presence(stanza, kind)]

    def is_presence(self, stanza, kind):
        """Whether this is the device's presence of this type."""
        is_presence = stanza.tag == f"{{{wire.CLIENT}}}presence" and stanza.get("type") == kind
        return is_presence and bare(stanza.get("from")) == self.jid

    def _values(self, stanza):
        if bare(stanza.get("from")) != self.jid:
            return {}
        return wire.event_values(stanza, wire.SENSORS)
