"""People with an XMPP client nobody here wrote: slixmpp.

`Person` signs in and keeps everything that arrives; tests wait on it by condition and never by time. Payloads are
written as XML, so that a journey shows what goes over the wire.
"""

import asyncio
from xml.etree import ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXMLMask

import wire

# For what never comes; a machine with a lot else to do may take long over what does.
DEADLINE = 60.0


class Refused(Exception):
    """A request was answered with an error; `condition` is its defined condition."""

    def __init__(self, condition, xml):
        super().__init__(f"{condition}: {ET.tostring(xml, encoding='unicode')}")
        self.condition = condition


class Inbox:
    """Every stanza that came, in order, with waiting."""

    def __init__(self):
        self.stanzas = []
        self._news = asyncio.Condition()

    def mark(self):
        """The present end, to look only at what comes later."""
        return len(self.stanzas)

    async def put(self, xml):
        """Appends a stanza and wakes whoever waits."""
        async with self._news:
            self.stanzas.append(xml)
            self._news.notify_all()

    async def wait(self, what, find, since=0, deadline=DEADLINE):
        """The first result other than None that `find` gives for a stanza from `since` on.

        Fails with `what` and the stanzas seen when the deadline passes.
        """
        seen = since
        try:
            async with asyncio.timeout(deadline):
                async with self._news:
                    while True:
                        while seen < len(self.stanzas):
                            found = find(self.stanzas[seen])
                            seen += 1
                            if found is not None:
                                return found
                        await self._news.wait()
        except TimeoutError:
            came = "\n".join(ET.tostring(s, encoding="unicode") for s in self.stanzas[since:])
            raise AssertionError(f"not within {deadline} s: {what}\ncame:\n{came}") from None


class _Client(slixmpp.ClientXMPP):
    """slixmpp that also keeps the text it reads, since an XML library hides how a namespace was written."""

    def __init__(self, jid, password):
        super().__init__(jid, password)
        self.text = bytearray()

    def data_received(self, data):
        self.text += data if isinstance(data, bytes) else data.encode()
        super().data_received(data)


PASSWORD = "secret"


class Person:
    """Someone with an account and a client."""

    def __init__(self, server, name, resource="phone", features=()):
        self.server = server
        self.bare = f"{name}@{server.domain}"
        self.inbox = Inbox()
        self._client = _Client(f"{self.bare}/{resource}", PASSWORD)
        self._client.ca_certs = str(server.ca_file)
        self._client.enable_direct_tls = False
        self._client.auto_authorize = None
        self._client.auto_subscribe = False
        for plugin in ("xep_0030", "xep_0077", "xep_0115", "xep_0199"):
            self._client.register_plugin(plugin)
        self._client.plugin["xep_0077"].force_registration = True
        for feature in features:
            self._client.plugin["xep_0030"].add_feature(feature)
        self._client.add_event_handler("register", self._register)
        self._client.add_filter("in", self._keep)
        self._client.register_handler(
            Callback("roster pushes", MatchXMLMask(f"<iq xmlns='{wire.CLIENT}' type='set'/>"), lambda _: None)
        )

    @property
    def account(self):
        """Bare JID and password."""
        return self.bare, PASSWORD

    @property
    def jid(self):
        """The full JID it is bound to."""
        return self._client.boundjid.full

    @property
    def text(self):
        """Everything the server sent, as it was written."""
        return self._client.text.decode(errors="replace")

    async def enter(self, available=True):
        """Registers the account where it does not exist yet, signs in, and becomes available."""
        ready = asyncio.get_running_loop().create_future()

        def settle(result=None, error=None):
            if not ready.done():
                ready.set_exception(AssertionError(error)) if error else ready.set_result(result)

        self._client.add_event_handler("session_start", lambda _: settle())
        self._client.add_event_handler("failed_all_auth", lambda e: settle(error=f"{self.bare}: sign-in refused {e}"))
        self._client.connect(self.server.host, self.server.port)
        async with asyncio.timeout(DEADLINE):
            await ready
        await self._client.get_roster()
        if available:
            await self._client.plugin["xep_0115"].update_caps()
            self._client.send_presence()
        return self

    async def leave(self):
        """Signs out."""
        await self._client.disconnect(wait=0.5)

    async def _register(self, _form):
        # Registration comes before sign-in on the same stream, so "conflict" means: an account from an earlier visit.
        iq = self._client.Iq()
        iq["type"] = "set"
        iq["register"]["username"] = self._client.boundjid.user
        iq["register"]["password"] = self._client.password
        try:
            await iq.send()
        except IqError as error:
            if error.condition != "conflict":
                raise

    def _keep(self, stanza):
        asyncio.ensure_future(self.inbox.put(stanza.xml))
        return stanza

    # -- requests --

    async def ask(self, kind, to, payload, deadline=DEADLINE):
        """Sends an iq and returns the answer's XML. Raises Refused for an error."""
        iq = self._client.make_iq(ito=to, itype=kind)
        iq.append(ET.fromstring(payload))
        try:
            return (await iq.send(timeout=deadline)).xml
        except IqError as error:
            xml = error.iq.xml
            raise Refused(wire.condition(xml.find(f"{{{wire.CLIENT}}}error")), xml) from None
        except IqTimeout:
            raise AssertionError(f"{to} did not answer within {deadline} s: {payload}") from None

    def send(self, xml):
        """Sends text as it is, well-formed or not."""
        self._client.send_raw(xml)

    def write(self, to, body):
        """Sends a chat message."""
        self._client.send_message(mto=to, mbody=body, mtype="chat")

    def presence(self, to, kind):
        """Sends presence of a type: subscribe, subscribed, unsubscribe, unsubscribed."""
        self._client.send_presence(pto=to, ptype=kind)

    async def disco_info(self, to, node=None):
        """Identities as (category, type) and features."""
        xml = await self.ask("get", to, _query(wire.DISCO_INFO, node))
        identities = {(i.get("category"), i.get("type")) for i in xml.iter(f"{{{wire.DISCO_INFO}}}identity")}
        return identities, {f.get("var") for f in xml.iter(f"{{{wire.DISCO_INFO}}}feature")}

    async def disco_items(self, to, node=None):
        """The items below an entity or node, as attribute dictionaries."""
        xml = await self.ask("get", to, _query(wire.DISCO_ITEMS, node))
        return [dict(item.attrib) for item in xml.iter(f"{{{wire.DISCO_ITEMS}}}item")]

    # -- publish-subscribe --

    async def subscribe(self, device, node):
        """Subscribes its bare JID to a node."""
        payload = f"<subscribe node='{node}' jid='{self.bare}'/>"
        return await self.ask("set", device, f"<pubsub xmlns='{wire.PUBSUB}'>{payload}</pubsub>")

    async def unsubscribe(self, device, node):
        """Takes that subscription back."""
        payload = f"<unsubscribe node='{node}' jid='{self.bare}'/>"
        return await self.ask("set", device, f"<pubsub xmlns='{wire.PUBSUB}'>{payload}</pubsub>")

    async def fetch(self, device, node):
        """The stored items of a node, as the answer's XML."""
        return await self.ask("get", device, f"<pubsub xmlns='{wire.PUBSUB}'><items node='{node}'/></pubsub>")

    async def publish(self, device, node, item, payload, options=""):
        """Publishes a payload as an item of a node."""
        body = f"<publish node='{node}'><item id='{item}'>{payload}</item></publish>{options}"
        return await self.ask("set", device, f"<pubsub xmlns='{wire.PUBSUB}'>{body}</pubsub>")

    async def actuate(self, device, name, text, type_=None):
        """Sets an actuator the way the reference client does."""
        return await self.publish(device, wire.ACTUATORS, wire.actuator(name), wire.val(text, type_))

    async def value(self, node, item, wanted=None, since=0, deadline=DEADLINE):
        """Waits for an event of this item, with this text or one that `wanted` accepts, and returns the Value."""
        accepts = wanted if callable(wanted) else lambda text: wanted is None or text == wanted

        def find(stanza):
            value = wire.event_values(stanza, node).get(item)
            return value if value is not None and accepts(value.text) else None

        return await self.inbox.wait(f"{item} = {wanted} on {node}", find, since, deadline)

    # -- people and presence --

    async def befriend(self, device):
        """The presence handshake in the order both servers take (docs/PROTOCOL.md): ask, be asked, agree."""
        since = self.inbox.mark()
        self.presence(device, "subscribe")
        await self.inbox.wait(f"{device} agrees", lambda s: _presence(s, device, "subscribed"), since)
        await self.inbox.wait(f"{device} asks back", lambda s: _presence(s, device, "subscribe"))
        self.presence(device, "subscribed")
        await self.available(device, since)

    async def available(self, device, since=0, deadline=DEADLINE):
        """Waits for available presence of a device and returns its full JID."""
        find = lambda stanza: _presence(stanza, device, None)  # noqa: E731
        return (await self.inbox.wait(f"{device} is available", find, since, deadline)).get("from")

    async def heard(self, sender, since=0, containing="", deadline=DEADLINE):
        """Waits for a chat message of a sender and returns its body."""

        def find(stanza):
            if stanza.tag != f"{{{wire.CLIENT}}}message" or stanza.get("type") == "error":
                return None
            body = stanza.findtext(f"{{{wire.CLIENT}}}body")
            return body if bare(stanza.get("from")) == sender and body and containing in body else None

        return await self.inbox.wait(f"a message of {sender} with {containing!r}", find, since, deadline)

    async def say(self, device, body):
        """Sends a command and returns the answer."""
        since = self.inbox.mark()
        self.write(device, body)
        return await self.heard(device, since)


def bare(jid):
    """A JID without its resource."""
    return (jid or "").split("/")[0]


def _presence(stanza, device, kind):
    matches = (
        stanza.tag == f"{{{wire.CLIENT}}}presence"
        and bare(stanza.get("from")) == device
        and stanza.get("type") == kind
    )
    return stanza if matches else None


def _query(namespace, node):
    return f"<query xmlns='{namespace}'" + (f" node='{node}'/>" if node else "/>")
