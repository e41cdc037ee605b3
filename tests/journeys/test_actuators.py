"""A contact sets an actuator in any spelling clients use; the device applies it and says so, or says why not."""

import pytest

import wire
from people import Refused

# For each actuator: text, type attribute, value reported afterwards. Each differs from the one before.
SPELLINGS = {
    "led": [
        ("1", "boolean", "1"),
        ("0", "boolean", "0"),
        ("true", None, "1"),
        ("false", None, "0"),
        ("1", "bool", "1"),
        ("0", None, "0"),
    ],
    "level": [
        ("42.5", "float", "42.5"),
        ("43.5", "double", "43.5"),
        ("44.5", None, "44.5"),
        ("45,5", None, "45.5"),
        ("46", None, "46.0"),
    ],
    "count": [("7", "uint", "7"), ("8", "integer", "8"), ("9", None, "9"), ("6.0", None, "6")],
    "mode": [("boost", None, "boost"), ("eco", "string", "eco")],
    "note": [("good night", "string", "good night"), ("1 < 2 & 3", None, "1 < 2 & 3")],
}


@pytest.mark.parametrize("name", SPELLINGS)
async def test_a_value_is_applied_and_reported_back(board, owner, subtests, name):
    for text, type_, reported in SPELLINGS[name]:
        with subtests.test(text=text, type=type_):
            since, told = owner.inbox.mark(), board.program.mark()
            await owner.actuate(board.jid, name, text, type_)
            await owner.value(wire.SENSORS, wire.sensor(name), reported, since)
            applied = await board.program.event("actuated", told, channel=name)
            assert owner.bare in (applied["by"] or owner.bare)


async def test_a_second_client_of_the_owner_sees_the_setting_under_the_name_it_knows(board, owner, people):
    since = owner.inbox.mark()
    await owner.say(board.jid, "led on")
    await owner.value(wire.ACTUATORS, wire.actuator("led"), "1", since)


async def test_a_client_that_comes_late_reads_the_setting(board, owner):
    since = owner.inbox.mark()
    await owner.actuate(board.jid, "led", "1", "boolean")
    await owner.value(wire.SENSORS, wire.sensor("led"), "1", since)
    stored = wire.values(await owner.fetch(board.jid, wire.SENSORS))
    assert stored[wire.sensor("led")].text == "1"


async def test_alternating_owner_and_device_never_lock_each_other_out(board, owner):
    for text, word in (("1", "off"), ("1", "off"), ("1", "off")):
        since = owner.inbox.mark()
        await owner.actuate(board.jid, "led", text, "boolean")
        await owner.value(wire.SENSORS, wire.sensor("led"), "1", since)
        since = owner.inbox.mark()
        await owner.say(board.jid, f"led {word}")
        await owner.value(wire.ACTUATORS, wire.actuator("led"), "0", since)


REFUSED = [
    ("level", "500", "20.0"),
    ("level", "-1", "20.0"),
    ("level", "warm", "20.0"),
    ("level", "NaN", "20.0"),
    ("count", "2.5", "3"),
    ("mode", "turbo", "eco"),
    ("note", "x" * 21, "hello"),
    ("led", "maybe", "0"),
    ("fan", "0", "1"),
]


async def test_a_refused_value_is_answered_by_the_old_one_and_a_reason(board, owner, subtests):
    for name, text, old in REFUSED:
        with subtests.test(name=name, text=text):
            since, told = owner.inbox.mark(), board.program.mark()
            await owner.actuate(board.jid, name, text)
            await owner.value(wire.ACTUATORS, wire.actuator(name), old, since)
            refusal = await board.program.event("refused", told)
            assert name in refusal["what"]
            assert refusal["why"]
    assert not board.program.told("actuated")


async def test_an_unknown_actuator_is_refused_with_a_reason(board, owner):
    await owner.actuate(board.jid, "warp", "1")
    refusal = await board.program.event("refused")
    assert "warp" in refusal["what"]


async def test_a_button_falls_back_to_zero(board, owner):
    for press in ("1", "2", "1"):
        since, told = owner.inbox.mark(), board.program.mark()
        await owner.actuate(board.jid, "brew", press)
        await board.program.event("actuated", told, channel="brew")
        await owner.value(wire.ACTUATORS, wire.actuator("brew"), "0", since)


async def test_a_setting_is_counted_once_however_many_copies_the_server_sends(board, owner):
    for text in ("1", "0"):
        since, told = owner.inbox.mark(), board.program.mark()
        await owner.actuate(board.jid, "led", text, "boolean")
        await owner.value(wire.SENSORS, wire.sensor("led"), text, since)
        await board.program.event("actuated", told, channel="led")
    # One more round trip: a second copy would have been taken before it.
    await owner.say(board.jid, "status")
    assert len(board.program.told("actuated")) == 2


async def test_an_actuator_changed_while_the_device_was_away_is_taken_over(server, board, owner):
    await board.program.stop()
    if server.name == "ejabberd":
        # Transient: nothing is stored, so there is nothing to take over, and the old value is reported again.
        since = owner.inbox.mark()
        await owner.actuate(board.jid, "led", "1", "boolean")
        await board.program.start()
        await owner.value(wire.SENSORS, wire.sensor("led"), "0", since)
        return
    await owner.actuate(board.jid, "led", "1", "boolean")
    since = owner.inbox.mark()
    await board.program.start()
    await owner.value(wire.SENSORS, wire.sensor("led"), "1", since)
    assert "on" in await owner.say(board.jid, "led")


async def test_a_refused_value_left_while_it_was_away_is_put_right(server, board, owner):
    await board.program.stop()
    await owner.actuate(board.jid, "level", "500")
    since = owner.inbox.mark()
    await board.program.start()
    if server.name == "prosody":
        await owner.value(wire.ACTUATORS, wire.actuator("level"), "20.0", since)
    await owner.value(wire.SENSORS, wire.sensor("level"), "20.0", since)


async def test_the_definitions_mode_can_be_forced(settle, owner):
    board = await settle(owner, actuator_mode="transient")
    await board.program.event("nodes-ready", actuators="transient")
    since = owner.inbox.mark()
    await owner.actuate(board.jid, "led", "1", "boolean")
    await owner.value(wire.SENSORS, wire.sensor("led"), "1", since)


async def test_a_setting_does_not_reach_the_sensors_node_from_outside(board, owner):
    with pytest.raises(Refused):
        await owner.publish(board.jid, wire.SENSORS, wire.sensor("temp"), wire.val("99", "float"))
