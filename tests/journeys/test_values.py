"""Readings reach a contact, in the words and at the addresses of docs/PROTOCOL.md section 2."""

import re

import wire


async def test_a_subscriber_sees_values_move(board, owner):
    since = owner.inbox.mark()
    first = await owner.value(wire.SENSORS, wire.sensor("temp"), since=since)
    await owner.value(wire.SENSORS, wire.sensor("temp"), wanted=lambda text: text != first.text, since=since)


async def test_a_value_carries_type_unit_and_precision(board, owner):
    value = await owner.value(wire.SENSORS, wire.sensor("temp"))
    assert (value.type, value.unit) == ("float", "celsius")
    assert re.fullmatch(r"\d+\.\d\d", value.text)
    assert 20 <= float(value.text) <= 30


async def test_events_come_from_the_devices_bare_address(board, owner):
    def sender(stanza):
        return stanza.get("from") if wire.event_values(stanza, wire.SENSORS) else None

    assert await owner.inbox.wait("a sensor event", sender) == board.jid


async def test_the_namespace_of_a_value_is_written_as_default(board, owner):
    await owner.value(wire.SENSORS, wire.sensor("temp"))
    assert re.search(rf"<val [^>]*xmlns=['\"]{wire.IOT}['\"]", owner.text)
    assert not re.search(r"<\w+:val", owner.text)


async def test_a_late_client_fetches_every_sensor_and_every_mirrored_actuator(board, owner):
    await owner.value(wire.SENSORS, wire.sensor("temp"))
    stored = wire.values(await owner.fetch(board.jid, wire.SENSORS))
    names = ("temp", "door", "led", "level", "count", "mode", "note", "brew", "fan")
    assert set(stored) == {wire.sensor(name) for name in names}
    assert stored[wire.sensor("led")].text == "0"
    assert stored[wire.sensor("mode")].text == "eco"
    assert float(stored[wire.sensor("level")].text) == 20.0


async def test_the_types_on_the_wire_are_the_definitions(board, owner):
    await owner.value(wire.SENSORS, wire.sensor("temp"))
    stored = wire.values(await owner.fetch(board.jid, wire.SENSORS))
    types = {name: stored[wire.sensor(name)].type for name in ("door", "led", "level", "count", "note")}
    assert types == {"door": "boolean", "led": "boolean", "level": "float", "count": "integer", "note": "string"}


async def test_a_client_with_notify_gets_values_without_subscribing(settle, people):
    watcher = await people("benvolio", features=[f"{wire.SENSORS}+notify"])
    await settle(watcher, watching=())
    await watcher.value(wire.SENSORS, wire.sensor("temp"))
