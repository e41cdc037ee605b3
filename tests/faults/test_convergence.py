"""Whatever goes wrong: once it is over, the server has what the devices have, and everybody is there.

A plan is drawn from a seed, which is in the name of the test: `--seed 7` draws that one again.
"""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass

import pytest
from slixmpp.xmlstream.xmlstream import NotConnectedError

import program as programs
import servers
import wire
from boards import DEFINITION, Board
from people import Person, Refused
from steering import steered

BOARDS = 6
# Seconds in which things go wrong, and after which they have to be right.
STORM = 15.0
CALM = 30.0
# How far the moving sensor may be ahead of its item: three seconds.
BEHIND = 30
SETTINGS = {"led": ["0", "1"], "level": ["0", "20", "55.5", "100"], "mode": ["eco", "boost"]}


@dataclass
class Blow:
    """Something that happens at a moment of the storm."""

    at: float
    board: int
    fault: dict | None = None
    setting: tuple | None = None


def draw(seed, kinds):
    """A plan: what goes wrong when, what the owner does meanwhile, and when the server dies."""
    chance = random.Random(seed)
    possible = sorted(kind for kind, family in kinds.items() if family != "bluetooth")
    blows = []
    for board in range(BOARDS):
        for _ in range(4):
            at = chance.uniform(0, STORM - 2)
            lasts = round(chance.uniform(0.5, STORM - at), 1)
            fault = {"fault": chance.choice(possible), "for_seconds": lasts}
            blows.append(Blow(at, board, fault=fault))
        for _ in range(4):
            name = chance.choice(sorted(SETTINGS))
            blows.append(Blow(chance.uniform(0, STORM), board, setting=(name, chance.choice(SETTINGS[name]))))
    return sorted(blows, key=lambda blow: blow.at), chance.uniform(2, STORM - 5)


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", metafunc.config.getoption("seed") or [1])


@pytest.fixture(params=list(servers.BY_NAME))
def mortal(request):
    """A server that may be killed."""
    made = servers.BY_NAME[request.param]()
    try:
        made.start()
        yield made
    finally:
        made.close()


async def test_after_a_storm_everything_is_as_it_should_be(mortal, seed, tmp_path):
    owner = await Person(mortal, "juliet").enter()
    text = programs.profile(mortal, "board", owners=[owner.bare], count=BOARDS, definition=DEFINITION)
    program = programs.Program(tmp_path, text)
    try:
        control = await steered(await program.start())
        names = [f"board-{number}" for number in range(1, BOARDS + 1)]
        boards = [Board(name, f"{name}@{mortal.domain}", owner, control) for name in names]
        for board in boards:
            await program.event("session", device=board.name, state="online")
            await owner.befriend(board.jid)
        blows, dies_at = draw(seed, await control.kinds())
        plan = "\n".join(map(str, blows))
        print(f"seed {seed}: the server dies after {dies_at:.1f} s; {plan}")
        late = await storm(mortal, boards, blows, dies_at)
        began = time.monotonic()
        try:
            await calm(boards, late)
            await everybody_once(mortal, boards)
        except TimeoutError:
            pytest.fail(f"seed {seed}, {CALM} s after the storm:\n" + "\n".join(await wrong(boards, late)))
        print(f"seed {seed}: calm after {time.monotonic() - began:.1f} s")
        await late.leave()
    finally:
        await program.kill()
        await owner.leave()


async def storm(server, boards, blows, dies_at):
    """Goes through the plan, and returns the owner's client of afterwards: the first one dies with the server."""
    began = time.monotonic()
    owner = boards[0].owner

    async def until(at):
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))

    async def strike(blow):
        await until(blow.at)
        board = boards[blow.board]
        if blow.fault:
            await board.control.do(board.name, "fault", fault=blow.fault)
        else:
            name, text = blow.setting
            item = f"<item id='{wire.actuator(name)}'>{wire.val(text)}</item>"
            publish = f"<pubsub xmlns='{wire.PUBSUB}'><publish node='{wire.ACTUATORS}'>{item}</publish></pubsub>"
            # Nobody waits for an answer: the device may be away, and the server may be dead.
            with contextlib.suppress(NotConnectedError):
                owner.send(f"<iq type='set' id='{blow.at}' to='{board.jid}'>{publish}</iq>")

    async def kill():
        nonlocal owner
        await until(dies_at)
        server.kill()
        await asyncio.to_thread(server.start)
        owner = await Person(server, "juliet", resource="afterwards").enter()

    await asyncio.gather(kill(), *map(strike, blows))
    await until(STORM + 1)
    return owner


async def calm(boards, owner):
    """Waits until nothing is wrong."""
    async with asyncio.timeout(CALM):
        while await wrong(boards, owner):
            pass


async def wrong(boards, owner):
    """What is not as it should be, in words."""
    found = []
    for device in await boards[0].control.devices():
        name = device["name"]
        if device["state"] != "online" or device["faults"]:
            found.append(f"{name} is {device['state']} with {device['faults']}")
            continue
        try:
            items = wire.values(await owner.fetch(f"{name}@{owner.server.domain}", wire.SENSORS))
        except Refused as refused:
            found.append(f"{name}: {refused}")
            continue
        for channel in device["channels"]:
            item = items.get(wire.sensor(channel["name"]))
            if item is None or not same(channel, item.text):
                found.append(f"{name}: {channel['name']} is {channel['value']}, and the server has {item}")
    return found


def same(channel, text):
    """Whether an item says what the device has."""
    value = channel["value"]
    if isinstance(value, str):
        return value == text
    try:
        off = abs(float(text) - float(value))
    except ValueError:
        return False
    return off <= (BEHIND if channel["name"] == "pulse" else 0)


async def everybody_once(server, boards):
    """Each device is there with one session: a client that comes now is told so."""
    visitor = await Person(server, "juliet", resource="visitor").enter()
    try:
        for board in boards:
            await visitor.available(board.jid, deadline=CALM)
        # The server's answer comes after the presences that it sent at first.
        await visitor.disco_info(server.domain)
        there = [s.get("from") for s in visitor.inbox.stanzas if s.tag == f"{{{wire.CLIENT}}}presence"]
        for board in boards:
            assert len({jid for jid in there if jid.startswith(f"{board.jid}/")}) == 1, there
    finally:
        await visitor.leave()
