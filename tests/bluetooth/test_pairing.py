"""Pairing that fails, bonds that one side has lost, and more clients than bonds."""

import asyncio
import contextlib

import phone as gatt
import pytest
from bumble.core import ProtocolError
from bumble.hci import HCI_Error
from fleets import unpack

KEY_MISSING = 0x06
INSUFFICIENT_AUTHENTICATION, INSUFFICIENT_ENCRYPTION, INCOMPLETE = 0x05, 0x0F, 0x80
# Room for bonds in the program, and one more.
MANY = 5


async def refused(write):
    """The code with which a write is refused."""
    with pytest.raises(gatt.Refused) as refusal:
        await write
    return refusal.value.code


async def no(*_, **__):
    """A person who does not want to."""
    return False


WRONG_WAYS = {
    "legacy": ({"secure": False}, "the client pairs in a way that the device does not"),
    "short-key": ({"key_size": 7}, "the client wants too short a key"),
    "refused": ({"confirm": no}, "the client called it off"),
}


@pytest.mark.parametrize("way", WRONG_WAYS)
async def test_pairing_that_fails_is_told_and_the_same_client_may_try_again(fleet, phone, way):
    settings, why = WRONG_WAYS[way]
    things = await fleet(security="encrypted")
    phone.pairs(**settings)
    client = await phone.connect(await things.advertising())
    with pytest.raises(ProtocolError):
        await client.pair()
    failed = await things.event("commissioning", step="pairing-failed")
    assert failed["why"] == why
    assert failed["next_step"]
    assert await refused(client.write(gatt.SSID, "Home")) == INSUFFICIENT_AUTHENTICATION
    rejected = await things.event("commissioning", step="rejected")
    assert rejected["why"] == "the link is not encrypted"
    phone.pairs()
    await client.pair()
    await client.write(gatt.SSID, "Home")
    # Of what was refused nothing was kept.
    assert await refused(client.write(gatt.SETUP_DONE, b"\x01")) == INCOMPLETE
    incomplete = await things.event("commissioning", step="incomplete")
    assert incomplete["missing"] == ["JID", "JID password", "JID sender"]


@pytest.mark.parametrize("way", WRONG_WAYS)
async def test_after_pairing_that_failed_a_better_client_gets_the_device(fleet, phones, owner, way):
    settings, _ = WRONG_WAYS[way]
    things = await fleet(security="encrypted")
    [device] = things.names
    wrong, good = await phones(), await phones()
    wrong.pairs(**settings)
    client = await wrong.connect(await things.advertising())
    with pytest.raises(ProtocolError):
        await client.pair()
    since = things.mark()
    await client.disconnect()
    await things.advertising(since=since)
    await unpack(good, things, device, owner, pair=True)


@pytest.mark.parametrize("way", ["disconnects", "vanishes"])
async def test_a_client_that_leaves_while_pairing_leaves_nothing_behind(fleet, phones, owner, way):
    things = await fleet(security="encrypted")
    [device] = things.names
    wrong, good = await phones(), await phones()
    left = asyncio.Event()

    async def leave(*_, **__):
        if way == "vanishes":
            wrong.vanish()
        else:
            await client.disconnect()
        left.set()
        return False

    wrong.pairs(confirm=leave)
    client = await wrong.connect(await things.advertising())
    since = things.mark()
    pairing = asyncio.create_task(client.pair())
    await asyncio.wait_for(left.wait(), gatt.DEADLINE)
    await things.event("commissioning", since, step="client-gone")
    pairing.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await pairing
    await things.advertising(since=since)
    await unpack(good, things, device, owner, pair=True)


async def test_a_bonded_client_encrypts_with_its_key_as_long_as_the_device_waits(fleet, phone):
    things = await fleet(security="encrypted")
    client = await phone.connect(await things.advertising())
    await client.pair()
    since = things.mark()
    await client.disconnect()
    again = await phone.connect(await things.advertising(since=since))
    assert await refused(again.write(gatt.SSID, "Home")) == INSUFFICIENT_ENCRYPTION
    await again.encrypt()
    await again.write(gatt.SSID, "Home")


async def test_a_bonded_client_has_to_pair_anew_after_the_program_was_restarted(fleet, phone):
    things = await fleet(security="encrypted")
    address = await things.advertising()
    client = await phone.connect(address)
    await client.pair()
    await things.stop()
    await client.sent_away()
    await things.start()
    assert await things.advertising() == address
    again = await phone.connect(address)
    with pytest.raises(HCI_Error) as missing:
        await again.encrypt()
    assert missing.value.error_code == KEY_MISSING
    failed = await things.event("commissioning", step="pairing-failed")
    assert failed["why"] == "the client has a pairing that the device has not, or not any more"
    assert await refused(again.write(gatt.SSID, "Home")) == INSUFFICIENT_AUTHENTICATION
    await again.pair()
    await again.write(gatt.SSID, "Home")


async def test_there_is_a_bond_for_one_more_client_however_many_came_before(fleet, phones):
    things = await fleet(security="encrypted")
    since = 0
    for _ in range(MANY):
        phone = await phones()
        client = await phone.connect(await things.advertising(since=since))
        await client.pair()
        await client.write(gatt.SSID, "Home")
        since = things.mark()
        await client.disconnect()
    await things.advertising(since=since)
    assert [event["state"] for event in things.told("bluetooth")] == ["advertising"] * (MANY + 1)
