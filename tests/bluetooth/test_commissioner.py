"""The program as commissioner, against the program as devices: two processes that meet on the air only."""

import asyncio
import contextlib
import json
import os
import re

import pytest
from board import ADDRESS, Board
from fleets import NETWORK, together
from people import PASSWORD, Person
from phone import JID, JID_PASSWORD, JID_SENDER, SSID

import program as programs

DEADLINE = 60.0
# Longer than any packet of the board's.
LONG = "a long secret of a board " * 12
INFORMATION = {"Hardware Revision": "1.2", "Software Revision": "3.4", "Manufacturer Name": "Journeys"}
STEPS = [
    "sign-in",
    "find",
    "connect",
    "discover",
    "read",
    "register",
    "write",
    "setup-done",
    "leave",
    "hello",
    "mirror",
    "befriend",
    "values",
]


@contextlib.asynccontextmanager
async def running(air, *arguments, wifi=NETWORK[1], **environment):
    """A run of `thingfleet commission` on the air."""
    process = await asyncio.create_subprocess_exec(
        *(str(programs.binary()), "commission", "--json", "--adapter", f"tcp:127.0.0.1:{air.port}", *arguments),
        env={**os.environ, "THINGFLEET_PASSWORD": PASSWORD, "THINGFLEET_WIFI_PASSWORD": wifi, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(air, *arguments, until=None, **settings):
    """Runs it to its end, or until it has told a step; gives exit code, what it told, and its complaints."""
    async with running(air, *arguments, **settings) as process, asyncio.timeout(DEADLINE):
        head = b""
        while until and (line := await process.stdout.readline()):
            head += line
            if json.loads(line).get("step") == until:
                process.send_signal(2)
                break
        out, err = await process.communicate()
        out = head + out
    assert PASSWORD not in (out + err).decode() and NETWORK[1] not in (out + err).decode()
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


async def code(things, device):
    """The text of the QR code on a device that waits."""
    await things.advertising(device)
    return things.codes[device].text


def account(owner, server):
    """The owner, for the command line."""
    return (
        *("--owner", owner.bare, "--host", server.host, "--port", str(server.port)),
        *("--ca-file", str(server.ca_file), "--ssid", NETWORK[0]),
    )


async def commission(air, things, device, owner, *arguments, **settings):
    """Commissions a device, and gives exit code, told, summary and complaints."""
    text = await code(things, device)
    status, told, complaints = await run(air, text, *account(owner, things.server), *arguments, **settings)
    assert told, complaints
    return status, told, told[-1], complaints


@pytest.mark.parametrize("security", ["open", "encrypted", "sealed"])
async def test_a_device_is_commissioned_without_a_deviation(air, fleet, owner, security):
    things = await fleet(security=security, notify=True)
    [device] = things.names
    status, told, summary, complaints = await commission(air, things, device, owner)
    assert status == 0, complaints
    assert summary["deviations"] == []
    wanted = list(STEPS)
    if security == "encrypted":
        wanted.insert(wanted.index("discover"), "pair")
    assert [step["step"] for step in summary["steps"]] == wanted
    assert [step["step"] for step in told if step["type"] == "step"] == wanted
    assert (summary["outcome"], summary["security"]) == ("done", security)
    assert summary["information"].items() >= INFORMATION.items()
    assert summary["channels"] == ["temp"]
    await things.event("commissioning", device=device, stage="done")
    await things.event("session", device=device, state="online")


async def test_eight_devices_are_commissioned_at_the_same_time(air, fleet, owner):
    things = await fleet(count=8)
    done = await together(*(commission(air, things, device, owner) for device in things.names))
    assert [(status, summary["deviations"]) for status, _, summary, _ in done] == [(0, [])] * 8
    assert len({summary["jid"] for _, _, summary, _ in done}) == 8


async def test_the_layout_of_the_reference_firmware_is_noted_and_no_deviation(air, fleet, owner):
    things = await fleet(setup_done="own-service")
    status, _, summary, complaints = await commission(air, things, things.names[0], owner)
    assert status == 0, complaints
    assert [(one["code"], one["weight"]) for one in summary["deviations"]] == [("second-service", "note")]


async def test_a_device_gets_the_account_that_is_named(air, fleet, owner, server, name):
    things = await fleet()
    jid = f"{name}-{'x' * 100}@{server.domain}"
    status, _, summary, complaints = await commission(air, things, things.names[0], owner, "--jid", jid)
    assert status == 0, complaints
    assert summary["jid"] == jid


async def test_a_wrong_wifi_password_is_told_as_such_and_leaves_nothing_behind(air, fleet, owner):
    things = await fleet()
    [device] = things.names
    status, _, summary, complaints = await commission(air, things, device, owner, wifi="not it")
    assert status == 1
    assert summary["failure"]["step"] == "hello"
    assert "password of the Wi-Fi" in json.loads(complaints)["help"]
    # The account was removed again, so its name is free.
    status, _, again, complaints = await commission(air, things, device, owner)
    assert status == 0, complaints
    assert again["jid"] == summary["jid"]


async def test_a_plain_value_is_refused_by_a_device_that_wants_it_sealed(air, fleet, owner):
    things = await fleet(security="sealed")
    status, _, summary, _ = await commission(air, things, things.names[0], owner, "--seal", "never")
    assert status == 1
    assert summary["failure"]["step"] == "write"
    assert summary["deviations"] == []


async def test_a_device_that_is_not_there_is_told_with_what_is(air, fleet, owner):
    things = await fleet()
    text = await code(things, things.names[0])
    address = await things.advertising()
    elsewhere = text.replace(address, "C0:FF:EE:00:00:01")
    arguments = (*account(owner, things.server), "--timeout", "3s")
    status, told, complaints = await run(air, elsewhere, *arguments)
    assert status == 1
    assert told[-1]["failure"]["step"] == "find"
    assert address in json.loads(complaints)["message"]


async def test_what_waits_is_listed(air, fleet):
    things = await fleet(count=2, security="sealed")
    addresses = {await things.advertising(device) for device in things.names}
    status, told, _ = await run(air, "--scan", "--timeout", "2s")
    assert status == 0
    assert {one["address"] for one in told} == addresses
    assert {(one["name"], one["security"]) for one in told} == {("Thing in a box", "sealed")}


async def test_interrupted_it_leaves_the_device_waiting(air, fleet, owner):
    things = await fleet()
    [device] = things.names
    text = await code(things, device)
    since = things.mark()
    # Nobody is at this address, so it looks for as long as it is let.
    elsewhere = re.sub(r"mac=[0-9A-F:]+", "mac=C0:FF:EE:00:00:01", text)
    async with running(air, elsewhere, *account(owner, things.server)) as process:
        line = json.loads(await asyncio.wait_for(process.stdout.readline(), DEADLINE))
        assert line["step"] == "sign-in"
        process.send_signal(2)
        out, _ = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 1
    assert json.loads(out.splitlines()[-1])["failure"]["text"] == "stopped"
    assert not [event for event in things.events[since:] if event.get("stage") == "collecting"]


async def commission_board(air, board, owner, server, device, *arguments, until=None):
    """Commissions a board whose account exists, and has it greet its owner."""
    key = "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv%2B08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    text = f"xmpp:iot-register?mac={ADDRESS}&algo=ed25519&key={key}"
    jid = ("--jid", device.bare, "--no-register")

    async def be_the_board():
        await board.done.wait()
        await board.leave()
        device.write(owner.bare, "Hello, this is a board")

    arguments = (text, *account(owner, server), *jid, *arguments)
    device_side = asyncio.create_task(be_the_board())
    status, told, complaints = await run(air, *arguments, until=until, THINGFLEET_DEVICE_PASSWORD=LONG)
    assert device_side.done(), complaints
    return status, told[-1]


async def test_values_longer_than_a_packet_reach_a_board_whole(air, owner, server, name):
    board = await Board(air).switch_on()
    device = await Person(server, f"board-{name}").enter()
    # The board does nothing after its greeting, which would only be waited for.
    _, summary = await commission_board(air, board, owner, server, device, until="hello")
    await device.leave()
    assert board.written[JID] == device.bare.encode()
    assert board.written[JID_SENDER] == owner.bare.encode()
    assert board.written[JID_PASSWORD] == LONG.encode()
    assert board.written[SSID] == NETWORK[0].encode()
    notes = {one["code"] for one in summary["deviations"] if one["weight"] == "note"}
    assert notes == {"second-service", "no-manufacturer-data", "other-greeting"}, summary


async def test_an_odd_board_is_told_all_its_oddities(air, owner, server, name):
    board = await Board(air, odd=True).switch_on()
    device = await Person(server, f"board-{name}").enter()
    # Three steps wait for what never comes.
    status, summary = await commission_board(air, board, owner, server, device, "--timeout", "3s")
    await device.leave()
    assert (status, summary["failure"]["step"]) == (1, "values")
    assert {one["code"] for one in summary["deviations"] if one["weight"] == "deviation"} == {
        "no-name",
        "no-services",
        "readable-credential",
        "empty-information",
        "not-ascii",
        "mirror-ignored",
        "not-in-roster",
        "no-subscription",
    }
