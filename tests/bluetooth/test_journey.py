"""From the box to `Setup done!`: the whole journey over the air, ending on a real server with real values."""

import pytest
import wire
from fleets import HELLO, NETWORK, credentials, register, together, unpack
from phone import NETWORK_PASSWORD, SETUP_DONE
from seal import sealer

LEVELS = ["open", "encrypted", "sealed"]


def how(things, device, security):
    """What a client has to do at this level of protection."""
    match security:
        case "encrypted":
            return {"pair": True}
        case "sealed":
            return {"seal": sealer(things.codes[device].key)}
        case _:
            return {}


@pytest.mark.parametrize("security", LEVELS)
async def test_a_device_out_of_the_box_becomes_its_owners(fleet, phone, owner, security):
    things = await fleet(security=security)
    [device] = things.names
    jid = await unpack(phone, things, device, owner, **how(things, device, security))
    await things.event("commissioning", device=device, stage="done")
    await owner.befriend(jid)
    await owner.subscribe(jid, wire.SENSORS)
    await owner.value(wire.SENSORS, wire.sensor("temp"))
    assert len([event for event in things.told("bluetooth") if event["state"] == "advertising"]) == 1


@pytest.mark.parametrize("security", LEVELS)
async def test_eight_come_out_of_their_boxes_at_the_same_time(fleet, phones, owner, security):
    things = await fleet(count=8, security=security)
    ways = {device: how(things, device, security) for device in things.names}
    hands = {device: await phones() for device in things.names}
    jids = await together(
        *(unpack(hands[device], things, device, owner, **ways[device]) for device in things.names)
    )
    assert len(set(jids)) == 8
    for device in things.names:
        await things.event("commissioning", device=device, stage="done")
    addresses = [event["address"] for event in things.told("bluetooth") if event["state"] == "advertising"]
    assert sorted(addresses) == sorted(code.address for code in things.codes.values())


async def test_a_wrong_network_password_brings_the_device_back_to_its_client(fleet, phone, server, owner):
    things = await fleet()
    [device] = things.names
    client = await phone.connect(await things.advertising())
    await register(server, device)
    jid = f"{device}@{server.domain}"
    for uuid, value in credentials(jid, owner.bare, network=(NETWORK[0], "wrong horse")):
        await client.write(uuid, value)
    since = things.mark()
    await client.write(SETUP_DONE, b"\x01")
    failed = await things.event("commissioning", since, step="network-failed")
    assert failed["why"] == "the network does not take the password"
    await things.event("commissioning", since, step="gave-up")
    again = await phone.connect(await things.advertising(since=since))
    for uuid, value in credentials(jid, owner.bare):
        await again.write(uuid, value)
    await again.write(SETUP_DONE, b"\x01")
    assert await owner.heard(jid) == HELLO


async def test_an_open_network_needs_no_password(fleet, phone, server, owner):
    things = await fleet(network=("Guests", ""))
    [device] = things.names
    client = await phone.connect(await things.advertising())
    await register(server, device)
    jid = f"{device}@{server.domain}"
    for uuid, value in credentials(jid, owner.bare, network=("Guests", "")):
        if uuid != NETWORK_PASSWORD:
            await client.write(uuid, value)
    await client.write(SETUP_DONE, b"\x01")
    assert await owner.heard(jid) == HELLO
