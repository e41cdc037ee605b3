"""A contact may be broken or malicious; the device goes on."""

import wire

DEPTH = "<a>" * 40 + "</a>" * 40
PAYLOADS = {
    "an empty value": f"<val xmlns='{wire.IOT}'/>",
    "a value of another namespace": "<val xmlns='urn:example:other'>1</val>",
    "a tree instead of text": f"<val xmlns='{wire.IOT}'><b>1</b></val>",
    "no payload it knows": "<x xmlns='urn:example:other'/>",
    "a deep tree": f"<deep xmlns='urn:example:deep'>{DEPTH}</deep>",
    "a long text": f"<val xmlns='{wire.IOT}'>{'9' * 20000}</val>",
    "a number past all bounds": f"<val xmlns='{wire.IOT}' type='uint'>1e400</val>",
    "control characters": f"<val xmlns='{wire.IOT}'>&#x9;&#xA;1&#xD;</val>",
    "a lying type": f"<val xmlns='{wire.IOT}' type='float'>boost</val>",
}


async def test_no_payload_disturbs_it(board, owner, subtests):
    for kind, payload in PAYLOADS.items():
        with subtests.test(payload=kind):
            for name in ("led", "level", "note"):
                await owner.publish(board.jid, wire.ACTUATORS, wire.actuator(name), payload)
            await goes_on(board, owner)


ITEM_IDS = ["xmpp.iot.actuator.", "xmpp.iot.actuator", "led", "xmpp.iot.sensor.temp", "x" * 1000, "☃", "../led"]


async def test_no_item_id_disturbs_it(board, owner):
    for item in ITEM_IDS:
        await owner.publish(board.jid, wire.ACTUATORS, item, wire.val("1", "boolean"))
    await goes_on(board, owner)
    assert not board.program.told("actuated")


STANZAS = {
    "an iq without a payload": "<iq type='get' to='{full}' id='h1'/>",
    "an iq with two payloads": "<iq type='get' to='{full}' id='h2'><a xmlns='urn:a'/><b xmlns='urn:b'/></iq>",
    "an iq of no type": "<iq type='nonsense' to='{full}' id='h3'><a xmlns='urn:a'/></iq>",
    "an answer nobody asked for": "<iq type='result' to='{full}' id='h4'/>",
    "an error nobody caused": "<iq type='error' to='{full}' id='h5'><error type='cancel'/></iq>",
    "a message without a body": "<message to='{jid}' type='chat'/>",
    "a message with a subject": "<message to='{jid}'><subject>led on</subject></message>",
    "an error message": "<message to='{full}' type='error'><body>led on</body><error type='cancel'/></message>",
    "a groupchat message": "<message to='{full}' type='groupchat'><body>led on</body></message>",
    "an empty event": "<message to='{full}' type='headline'><event xmlns='{event}'/></message>",
    "a forged event": (
        "<message to='{full}' type='headline'><event xmlns='{event}'><items node='xmpp.iot.actuators'>"
        "<item id='xmpp.iot.actuator.led'><val xmlns='{iot}' type='boolean'>1</val></item></items></event></message>"
    ),
    "a forged roster push": (
        "<iq type='set' to='{full}' id='h6'><query xmlns='jabber:iq:roster'>"
        "<item jid='{owner}' subscription='remove'/></query></iq>"
    ),
    "a long command": "<message to='{jid}' type='chat'><body>{long}</body></message>",
    "odd presence": "<presence to='{full}' type='error'/>",
}


async def test_no_stanza_disturbs_it(board, owner, subtests):
    names = {"full": board.full, "jid": board.jid, "owner": owner.bare, "event": wire.EVENT, "iot": wire.IOT}
    for kind, stanza in STANZAS.items():
        with subtests.test(stanza=kind):
            owner.send(stanza.format(**names, long="led " * 5000))
            await goes_on(board, owner)
    assert not board.program.told("actuated")


async def test_many_commands_at_once_are_all_answered(board, owner):
    since = owner.inbox.mark()
    for number in range(50):
        owner.write(board.jid, f"level {number}")
    await owner.value(wire.SENSORS, wire.sensor("level"), "49.0", since)
    owner.write(board.jid, "status")
    await owner.heard(board.jid, since, containing="note")
    assert len([s for s in owner.inbox.stanzas[since:] if s.findtext(f"{{{wire.CLIENT}}}body")]) == 51


async def goes_on(board, owner):
    """The device still answers its owner, and its values still move."""
    await owner.ask("get", board.full, f"<ping xmlns='{wire.PING}'/>")
    await owner.value(wire.SENSORS, wire.sensor("temp"), since=owner.inbox.mark())
    assert "temp" in await owner.say(board.jid, "help")
