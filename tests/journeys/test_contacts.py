"""Only contacts read, command and control; a stranger gets the protocol's own error and learns nothing."""

import pytest

import wire
from people import Refused


async def test_a_stranger_cannot_read(board, stranger):
    for node in wire.NODES:
        with pytest.raises(Refused):
            await stranger.fetch(board.jid, node)


async def test_a_stranger_cannot_subscribe(board, stranger):
    for node in wire.NODES:
        with pytest.raises(Refused):
            await stranger.subscribe(board.jid, node)


async def test_a_stranger_cannot_control(board, owner, stranger):
    with pytest.raises(Refused):
        await stranger.actuate(board.jid, "led", "1", "boolean")
    await owner.say(board.jid, "status")
    assert not board.program.told("actuated")


async def test_a_stranger_cannot_command(board, owner, stranger):
    for words in ("help", "temp", "led on"):
        for address in (board.jid, board.full):
            stranger.write(address, words)
    await fence(stranger, board)
    assert not [s for s in stranger.inbox.stanzas if s.find(f"{{{wire.CLIENT}}}body") is not None and _reply(s, board)]
    await owner.say(board.jid, "status")
    assert not board.program.told("actuated")


async def test_a_strangers_wish_for_presence_is_not_granted(board, stranger):
    stranger.presence(board.jid, "subscribe")
    await fence(stranger, board)
    kinds = [s.get("type") for s in stranger.inbox.stanzas if s.tag.endswith("}presence")]
    assert "subscribed" not in kinds
    with pytest.raises(Refused):
        await stranger.fetch(board.jid, wire.SENSORS)


async def test_every_owner_of_several_reads_and_controls(settle, people):
    juliet, nurse = await people("juliet"), await people("nurse")
    board = await settle(juliet, nurse)
    for text, person in (("1", juliet), ("0", nurse), ("1", juliet)):
        since = person.inbox.mark()
        await person.actuate(board.jid, "led", text, "boolean")
        await person.value(wire.SENSORS, wire.sensor("led"), text, since)


async def test_a_contact_removed_from_the_roster_loses_everything(insider, settle, people):
    juliet, nurse = await people("juliet"), await people("nurse")
    board = await settle(juliet, nurse, account=insider.account)
    await nurse.value(wire.SENSORS, wire.sensor("temp"))
    item = f"<item jid='{nurse.bare}' subscription='remove'/>"
    await insider.ask("set", insider.bare, f"<query xmlns='{wire.ROSTER}'>{item}</query>")
    await nurse.inbox.wait("the end of presence", lambda s: s if s.get("type") == "unsubscribed" else None)
    await juliet.say(board.jid, "status")
    with pytest.raises(Refused):
        await nurse.fetch(board.jid, wire.SENSORS)
    with pytest.raises(Refused):
        await nurse.actuate(board.jid, "led", "1", "boolean")
    since = nurse.inbox.mark()
    nurse.write(board.jid, "temp")
    seen = juliet.inbox.mark()
    await juliet.value(wire.SENSORS, wire.sensor("temp"), since=seen)
    await fence(nurse, board)
    assert not [s for s in nurse.inbox.stanzas[since:] if wire.event_values(s, wire.SENSORS)]
    assert not [s for s in nurse.inbox.stanzas[since:] if s.find(f"{{{wire.CLIENT}}}body") is not None and _reply(s, board)]


async def test_presence_tells_the_devices_health(board, owner):
    def healthy(stanza):
        available = stanza.tag == f"{{{wire.CLIENT}}}presence" and stanza.get("type") is None
        return stanza if available and stanza.get("from") == board.full else None

    presence = await owner.inbox.wait("presence of the device", healthy)
    assert presence.findtext(f"{{{wire.CLIENT}}}show") in (None, "chat")
    assert presence.findtext(f"{{{wire.CLIENT}}}status")


async def test_leaving_is_said(board, owner):
    since = owner.inbox.mark()
    assert await board.program.stop() == 0

    def gone(stanza):
        return stanza if stanza.get("from") == board.full and stanza.get("type") == "unavailable" else None

    await owner.inbox.wait("unavailable presence", gone, since)


async def fence(stranger, board):
    """Returns once the device, or the server for it, has dealt with everything the stranger sent before."""
    for address in (board.full, board.jid):
        with pytest.raises(Refused):
            await stranger.ask("get", address, "<query xmlns='jabber:iq:private'/>")


def _reply(stanza, board):
    return (stanza.get("from") or "").startswith(board.jid) and stanza.get("type") != "error"
