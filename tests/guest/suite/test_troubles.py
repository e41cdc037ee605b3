"""What breaks around devices that wait: each says what is in its way, and advertises again when that is gone.

Those that restart parts of the stack come last, since bleak does not notice.
"""

import asyncio
import contextlib
import signal
from pathlib import Path

import pytest
from bleak.exc import BleakError

import central as centrals
import others
from conftest import NETWORK, SETTINGS
from stack import BUS_SOCKET, CLIENT, DEVICES, POLICY
from test_commissioning import JOURNEY, advertising

# The promise is to advertise again within five seconds after the cause is gone, on a machine of which the tests have
# more than a share. An emulated one takes several times as long for everything.
AGAIN = 5.0 * SETTINGS["patience"]
# The program, as somebody without privileges.
AS_USER = """\
#!/usr/bin/python3
import os, sys
os.setgroups([])
os.setgid(1000)
os.setuid(1000)
os.execv("/tmp/thingfleet", ["thingfleet", *sys.argv[1:]])
"""


async def down(program, since, kind, **wanted):
    """The next event that says so, with what a person can do."""
    event = await program.event("bluetooth", since, state="down", kind=kind, **wanted)
    assert event["text"] and event["next_step"]
    return event


async def up(program, since, **wanted):
    """The next event that says that a device advertises, in the time that is promised."""
    return await program.event("bluetooth", since, deadline=AGAIN, state="advertising", **wanted)


async def test_what_a_client_wrote_that_vanishes_is_forgotten(stack, central, fleet):
    program = await fleet("lamp", 1, DEVICES[:1])
    address = (await program.event("bluetooth", state="advertising"))["address"]
    async with central.connected(address) as client:
        await client.write_gatt_char(centrals.SSID, NETWORK[0].encode(), response=True)
        await program.event("commissioning", step="written")
        since = program.mark()
        # As if it were carried out of reach.
        await stack.power(CLIENT, False)
        await program.event("commissioning", since, step="client-gone")
    await stack.power(CLIENT, True)
    async with central.connected(address) as client:
        with contextlib.suppress(Exception):
            await client.write_gatt_char(centrals.SETUP_DONE, b"\x01", response=True)
        event = await program.event("commissioning", since, step="incomplete")
        assert "Wi-Fi SSID" in event["missing"]


async def test_a_client_that_vanishes_in_the_middle_of_a_long_write_leaves_nothing(stack, central, fleet):
    program = await fleet("lamp", 1, DEVICES[:1])
    address = (await program.event("bluetooth", state="advertising"))["address"]
    async with central.connected(address) as client:
        since = program.mark()
        # A dozen round trips; the client is gone before the last.
        writing = asyncio.create_task(client.write_gatt_char(centrals.JID_PASSWORD, b"p" * 500, response=True))
        await asyncio.sleep(0)
        await stack.power(CLIENT, False)
        with pytest.raises(BleakError):
            await writing
        await program.event("commissioning", since, step="client-gone")
    await stack.power(CLIENT, True)
    assert "written" not in {event.get("step") for event in program.told("commissioning")}
    async with central.connected(address) as client:
        with pytest.raises(BleakError):
            await client.write_gatt_char(centrals.SETUP_DONE, b"\x01", response=True)
        assert len((await program.event("commissioning", since, step="incomplete"))["missing"]) == 4


async def test_a_pairing_that_is_refused_leaves_the_device_to_the_next_client(central, fleet, account):
    program = await fleet("door", 1, DEVICES[1:2])
    address = (await program.event("bluetooth", state="advertising"))["address"]
    async with others.refusing(), central.connected(address) as client:
        with pytest.raises(BleakError):
            await client.pair()
        gone = await program.event("commissioning", step="client-gone")
        since = program.events.index(gone)
        await up(program, since)
    assert "written" not in {event.get("step") for event in program.told("commissioning")}
    async with central.connected(address) as client:
        await client.pair()
        await centrals.commission(client, *account(), SETTINGS["owner"], *NETWORK)
        await program.event("commissioning", since, deadline=JOURNEY, stage="done")


async def test_a_client_that_does_nothing_is_sent_away(central, fleet):
    program = await fleet("lamp", 1, DEVICES[:1], "\nbluetooth: { idle: 2s }\n")
    address = (await program.event("bluetooth", state="advertising"))["address"]
    async with central.connected(address) as client:
        async with asyncio.timeout(JOURNEY):
            while client.is_connected:
                await asyncio.sleep(0.05)
    await program.event("commissioning", step="client-gone")
    await central.find(address)


async def test_an_adapter_that_is_turned_off_is_waited_for(stack, fleet, measure):
    program = await fleet("lamp", 2, DEVICES[:2])
    told = await advertising(program, 2)
    by_adapter = {event["adapter"]: name for name, event in told.items()}
    for time in ("first", "second"):
        since = program.mark()
        await stack.power("hci0", False)
        await down(program, since, "powered-off", device=by_adapter["hci0"])
        since = program.mark()
        await stack.power("hci0", True)
        with measure(f"advertising after the adapter was turned on the {time} time"):
            await up(program, since, device=by_adapter["hci0"])
    others = [event for event in program.told("bluetooth") if event["device"] == by_adapter["hci1"]]
    assert "down" not in {event["state"] for event in others}


async def test_two_fleets_do_not_meet_on_an_adapter(fleet, measure):
    first = await fleet("lamp", 1, DEVICES[:1])
    await first.event("bluetooth", state="advertising")
    second = await fleet("lamp", 1, DEVICES[:1])
    event = await down(second, 0, "busy")
    assert "another fleet" in event["text"]
    since = second.mark()
    await first.stop()
    with measure("advertising after another fleet left the adapter"):
        await up(second, since)


async def test_another_programs_advertisement_is_waited_for(fleet, measure):
    async with others.advertising("hci0"):
        program = await fleet("lamp", 1, DEVICES[:1])
        event = await down(program, 0, "busy")
        assert "another program advertises on hci0" in event["text"]
        since = program.mark()
    with measure("advertising after another program left the adapter"):
        await up(program, since)


async def test_an_adapter_that_is_not_there_is_named(fleet):
    program = await fleet("lamp", 1, ["hci42"])
    event = await down(program, 0, "no-adapter")
    assert "hci42" in event["text"]


async def test_a_bus_that_comes_late_is_found(fleet, tmp_path, measure):
    late = tmp_path / "bus"
    program = await fleet("lamp", 1, DEVICES[:1], DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={late}")
    await down(program, 0, "no-bus")
    since = program.mark()
    late.symlink_to(BUS_SOCKET)
    with measure("advertising after the bus is there"):
        await up(program, since)


async def test_a_user_whom_the_bus_refuses_is_told(stack, fleet, tmp_path, measure):
    policy = POLICY.read_text()
    refusing = policy.replace("<busconfig>", '<busconfig><policy user="user"><deny send_destination="org.bluez"/></policy>')
    assert refusing != policy
    as_user = tmp_path / "as-user"
    as_user.write_text(AS_USER)
    for path in [as_user, tmp_path, *tmp_path.parents]:
        path.chmod(path.stat().st_mode | 0o055)
    try:
        POLICY.write_text(refusing)
        stack.reload_policy()
        program = await fleet("lamp", 1, DEVICES[:1], THINGFLEET_BIN=str(as_user))
        await down(program, 0, "denied")
    finally:
        POLICY.write_text(policy)
        stack.reload_policy()
    with measure("advertising after the policy was changed"):
        await up(program, 0)


async def test_bluetoothd_that_dies_is_waited_for_and_never_started(stack, fleet, measure):
    program = await fleet("lamp", 3, DEVICES[:3])
    await advertising(program, 3)
    since = program.mark()
    stack.end("bluetoothd")
    for number in (1, 2, 3):
        await down(program, since, "no-daemon", device=f"{fleet_of(program)}-{number}")
    # D-Bus would start it for anybody who calls it.
    assert not running("bluetoothd")
    since = program.mark()
    stack.start_bluetoothd()
    await stack.ready()
    with measure("three devices advertising after bluetoothd was started again"):
        for number in (1, 2, 3):
            await up(program, since, device=f"{fleet_of(program)}-{number}")


async def test_adapters_that_are_unplugged_are_waited_for(stack, fleet, measure):
    program = await fleet("lamp", 2, "auto")
    await advertising(program, 2)
    since = program.mark()
    stack.end("btvirt")
    for number in (1, 2):
        await down(program, since, "no-adapter", device=f"{fleet_of(program)}-{number}")
    since = program.mark()
    await stack.plug_in()
    with measure("two devices advertising after the adapters were plugged in again"):
        for number in (1, 2):
            await up(program, since, device=f"{fleet_of(program)}-{number}")


async def test_bluetoothd_that_hangs_is_given_up_on(stack, fleet):
    stack.signal("bluetoothd", signal.SIGSTOP)
    try:
        program = await fleet("lamp", 1, DEVICES[:1])
        event = await down(program, 0, "stack")
        assert "did not answer" in event["text"]
        since = program.mark()
    finally:
        stack.signal("bluetoothd", signal.SIGCONT)
    await program.event("bluetooth", since, deadline=2 * AGAIN, state="advertising")


def fleet_of(program):
    """The name of a program's fleet, which its devices begin with."""
    return next(event["device"] for event in program.events if "device" in event).rsplit("-", 1)[0]


def running(name):
    """Whether a process of this name runs."""
    for command in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if command.read_text().strip() == name:
                return True
    return False
