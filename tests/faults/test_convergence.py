"""Whatever goes wrong: once it is over, the server has what the devices have, and everybody is there once.

A plan is drawn from a seed, which is in the name of the test: `--seed 7` draws that one again.
"""

import asyncio
import random
import time
from dataclasses import dataclass

import pytest

import program as programs
import servers
import wire
from boards import DEFINITION
from clients import Clients, equal
from people import Person, Refused, bare
from steering import Control, steered

BOARDS = 6
# The first half of them always does what it says, and forgets nothing.
HONEST = BOARDS // 2
FORGETFUL = {"reboot", "crash-loop", "brown-out", "factory-reset", "firmware-version"}
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


@dataclass
class World:
    """Everything that has to be right in the end."""

    server: servers.Server
    program: programs.Program
    control: Control
    clients: Clients
    names: list
    # Tasks and connections of the program before anything went wrong.
    tasks: int
    connections: int

    def jid(self, name):
        """The address of a device."""
        return f"{name}@{self.server.domain}"


def draw(seed, kinds):
    """A plan: what goes wrong when, what the owner does meanwhile, and when the server dies."""
    chance = random.Random(seed)
    possible = sorted(kind for kind, family in kinds.items() if family != "bluetooth")
    honest = [kind for kind in possible if kinds[kind] != "actuator" and kind not in FORGETFUL]
    blows = []
    for board in range(BOARDS):
        for _ in range(4):
            at = chance.uniform(0, STORM - 2)
            lasts = round(chance.uniform(0.5, STORM - at), 1)
            fault = {"fault": chance.choice(honest if board < HONEST else possible), "for_seconds": lasts}
            blows.append(Blow(at, board, fault=fault))
        for _ in range(4):
            name = chance.choice(sorted(SETTINGS))
            blows.append(Blow(chance.uniform(0, STORM), board, setting=(name, chance.choice(SETTINGS[name]))))
    return sorted(blows, key=lambda blow: blow.at), chance.uniform(2, STORM - 5)


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
    clients = Clients(mortal)
    owner = await clients.enter()
    text = programs.profile(mortal, "board", owners=[owner.bare], count=BOARDS, definition=DEFINITION)
    program = programs.Program(tmp_path, text)
    try:
        control = await steered(await program.start())
        names = [f"board-{number}" for number in range(1, BOARDS + 1)]
        for name in names:
            await program.event("session", device=name, state="online")
            await owner.befriend(f"{name}@{mortal.domain}")
        tasks, connections = await control.tasks(), program.connections(mortal.port)
        assert tasks > BOARDS and connections == BOARDS
        world = World(mortal, program, control, clients, names, tasks, connections)
        blows, dies_at = draw(seed, await control.kinds())
        plan = "\n".join(map(str, blows))
        print(f"seed {seed}: the server dies after {dies_at:.1f} s; {plan}")
        await storm(world, blows, dies_at)
        began = time.monotonic()
        try:
            async with asyncio.timeout(CALM):
                while await wrong(world):
                    pass
        except TimeoutError:
            pytest.fail(f"seed {seed}, {CALM} s after the storm:\n" + "\n".join(await wrong(world)))
        print(f"seed {seed}: calm after {time.monotonic() - began:.1f} s")
        await kept(world)
        await everybody_once(world)
        await everything_obeys(world)
    finally:
        await program.kill()
        await clients.leave()


async def storm(world, blows, dies_at):
    """Goes through the plan. The owner comes back with another client, as the first one dies with the server."""
    began = time.monotonic()
    clients = world.clients

    async def until(at):
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))

    async def strike(blow):
        await until(blow.at)
        name = world.names[blow.board]
        if blow.fault:
            await world.control.do(name, "fault", fault=blow.fault)
        else:
            clients.set(world.jid(name), *blow.setting)

    async def kill():
        await until(dies_at)
        world.server.kill()
        await asyncio.to_thread(world.server.start)
        await clients.enter()

    await asyncio.gather(kill(), *map(strike, blows))
    await until(STORM + 1)
    await asyncio.gather(*(clients.look(world.jid(name)) for name in world.names))


async def wrong(world):
    """What is not as it should be, in words."""
    found = []
    for device in await world.control.devices():
        name = device["name"]
        if device["state"] != "online" or device["faults"]:
            found.append(f"{name} is {device['state']} with {device['faults']}")
            continue
        try:
            items = wire.values(await world.clients.present.fetch(world.jid(name), wire.SENSORS))
        except Refused as refused:
            found.append(f"{name}: {refused}")
            continue
        for channel in device["channels"]:
            item = items.get(wire.sensor(channel["name"]))
            if item is None or not same(channel, item.text):
                found.append(f"{name}: {channel['name']} is {channel['value']}, and the server has {item}")
            if channel["name"] in SETTINGS:
                seen = world.clients.seen(world.jid(name), channel["name"])
                if seen and not same(channel, seen[-1][1]):
                    found.append(f"{name}: {channel['name']} is {channel['value']}, and its owner saw {seen[-1]}")
    found += await left_over(world)
    return found


async def left_over(world):
    """Sessions at the server, connections and tasks that are too many, or too few, in words."""
    found = []
    sessions = await asyncio.to_thread(world.server.sessions)
    devices = sorted(bare(jid) for jid in sessions if bare(jid) in map(world.jid, world.names))
    if devices != sorted(map(world.jid, world.names)):
        found.append(f"the server has the sessions {sessions}")
    if (connections := world.program.connections(world.server.port)) != world.connections:
        found.append(f"the program has {connections} connections to the server, and had {world.connections}")
    if (tasks := await world.control.tasks()) != world.tasks:
        found.append(f"the program has {tasks} tasks, and had {world.tasks}")
    return found


async def kept(world):
    """What honest devices confirmed to their owner is what they have."""
    confirmed = {}
    for name in world.names[:HONEST]:
        channels = {channel["name"]: channel for channel in (await world.control.device(name))["channels"]}
        for setting in SETTINGS:
            text = world.clients.confirmed(world.jid(name), setting)
            if text is not None:
                confirmed[name, setting] = text
                assert same(channels[setting], text), f"{name} confirmed {setting} = {text}: {channels[setting]}"
    print(f"confirmed, and so it is: {confirmed}")


def same(channel, text):
    """Whether an item says what the device has."""
    value = channel["value"]
    if isinstance(value, str):
        return value == text
    if channel["name"] != "pulse":
        return equal(text, float(value))
    try:
        return abs(float(text) - float(value)) <= BEHIND
    except ValueError:
        return False


async def everybody_once(world):
    """Each device is there with one session: a client that comes now is told so."""
    visitor = await Person(world.server, "juliet", resource="visitor").enter()
    jids = [world.jid(name) for name in world.names]
    try:
        for jid in jids:
            await visitor.available(jid, deadline=CALM)
        # The server's answer comes after the presences that it sent at first.
        await visitor.disco_info(world.server.domain)
        there = [s.get("from") for s in visitor.inbox.stanzas if s.tag == f"{{{wire.CLIENT}}}presence"]
        for jid in jids:
            assert len({one for one in there if one.startswith(f"{jid}/")}) == 1, there
    finally:
        await visitor.leave()


async def everything_obeys(world):
    """Whatever was set during the storm: what is set now is what the devices have."""
    for name in world.names:
        jid, owner = world.jid(name), world.clients.present
        for channel in (await world.control.device(name))["channels"]:
            if channel["name"] in SETTINGS:
                text = next(text for text in SETTINGS[channel["name"]] if not same(channel, text))
                since = owner.inbox.mark()
                await owner.actuate(jid, channel["name"], text)
                await world.clients.mirrored(jid, channel["name"], text, since)
                now = await world.control.device(name)
                [channel] = [one for one in now["channels"] if one["name"] == channel["name"]]
                assert same(channel, text), f"{name} says that {text} was set: {channel}"
