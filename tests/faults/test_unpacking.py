"""Whatever goes wrong while things are commissioned: once it is over, whoever tries again gets them out of their boxes.

As for devices that are online, the plan is drawn from a seed: `--seed 7` draws that one again.
"""

import asyncio
import random
import time

import fleets
import wire
from boards import Board
from people import Person, bare
from steering import steered
from unpacking import unpack_somehow

THINGS = 3
STORM = 15.0
CALM = 30.0
# What else happens to a thing on somebody's table.
ALSO = ("reboot", "brown-out", "offline", "factory-reset", "hang", "no-answer", "connection-reset")


def draw(seed, kinds):
    """What goes wrong with which thing, and when: (after, thing, fault)."""
    chance = random.Random(seed)
    possible = sorted(kind for kind, family in kinds.items() if family == "bluetooth") + list(ALSO)
    blows = []
    for thing in range(THINGS):
        for _ in range(8):
            at = chance.uniform(0, STORM - 2)
            lasts = round(chance.uniform(0.5, min(5, STORM - at)), 1)
            blows.append((at, thing, {"fault": chance.choice(possible), "for_seconds": lasts}))
    return sorted(blows, key=lambda blow: blow[0])


async def test_after_a_storm_things_come_out_of_their_boxes(seed, server, air, tmp_path):
    owner = await Person(server, "juliet-in-the-storm").enter()
    fleet = fleets.Fleet(tmp_path, server, air, f"storm-{seed}", count=THINGS, mirror="1s", session="5s")
    try:
        control = await steered(await fleet.start())
        blows = draw(seed, await control.kinds())
        plan = "\n".join(map(str, blows))
        print(f"seed {seed}: {plan}")
        began = time.monotonic()

        async def strike(at, thing, fault):
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            await control.do(fleet.names[thing], "fault", fault=fault)

        async def unpack(name):
            return await unpack_somehow(air, fleet, control, name, owner)

        tries = await asyncio.gather(*map(unpack, fleet.names), *(strike(*blow) for blow in blows))
        await asyncio.sleep(max(0.0, began + STORM - time.monotonic()))
        async with asyncio.timeout(CALM):
            # Some were reset after they had come out.
            more = await asyncio.gather(*map(unpack, fleet.names))
        print(f"seed {seed}: tries {tries[:THINGS]}, and {more} after the storm")
        for device in await control.devices():
            jid = f"{device['name']}@{server.domain}"
            assert (device["state"], device["stage"], device["faults"]) == ("online", "done", []), device
            assert device["jid"] == jid
            assert [bare(one) for one in await asyncio.to_thread(server.sessions)].count(jid) == 1
            board = Board(device["name"], jid, owner, control)
            await owner.befriend(jid)
            await board.until(board.stored, lambda items: wire.sensor("temp") in items)
    finally:
        await fleet.kill()
        await owner.leave()
