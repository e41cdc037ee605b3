"""Devices that cannot be commissioned as they should, as the phone in its owner's hand sees it."""

import asyncio
import time

import pytest

import wire
from fleets import DONE, HELLO, NETWORK, credentials, register, unpack
from phone import JID, LANGUAGE, MANUFACTURER, SERIAL, SETUP_DONE, SOFTWARE, SSID, Refused

# Bluetooth Core, Vol 3, Part F, section 3.4.1.1: Invalid Attribute Value Length.
INVALID_LENGTH = 0x0D
SOON = 1.0


@pytest.mark.fault("not-advertising")
async def test_scans_do_not_show_it(box, boxes, phone):
    other = boxes.fleet.codes[boxes.left[0]].address
    async with box.fault():
        await phone.scan(other)
        with pytest.raises(AssertionError, match="does not advertise"):
            await phone.scan(box.address, deadline=SOON)
    await phone.scan(box.address)


@pytest.mark.fault("connection-refused")
async def test_a_client_that_connects_is_sent_away(box, phone):
    async with box.fault():
        await phone.scan(box.address)
        client = await phone.link(box.address)
        await client.sent_away()
    await phone.scan(box.address)
    client = await phone.connect(box.address)
    assert await client.read(LANGUAGE) == "en"
    await client.disconnect()


@pytest.mark.fault("drops-during-write")
async def test_the_link_is_gone_instead_of_an_answer(box, phone):
    async with box.fault(characteristic="jid"):
        client = await phone.connect(box.address)
        await client.write(SSID, "Home")
        # Bumble gives up the request that nobody answers.
        with pytest.raises(asyncio.CancelledError):
            await client.write(JID, "thing@home.example")
        await client.sent_away()
    await phone.scan(box.address)
    client = await phone.connect(box.address)
    await client.write(JID, "thing@home.example")
    await client.disconnect()


@pytest.mark.fault("att-error")
async def test_a_write_is_answered_with_an_error(box, phone):
    client = await phone.connect(box.address)
    async with box.fault(characteristic="wi-fi-ssid", text="invalid-length"):
        await client.write(JID, "thing@home.example")
        with pytest.raises(Refused) as refused:
            await client.write(SSID, "Home")
        assert refused.value.code == INVALID_LENGTH
    await client.write(SSID, "Home")
    await client.disconnect()


@pytest.mark.fault("slow-gatt")
async def test_a_write_is_answered_late(box, phone):
    client = await phone.connect(box.address)
    async with box.fault(characteristic="wi-fi-ssid", delay=1):
        began = time.monotonic()
        await client.write(SSID, "Home")
        assert time.monotonic() - began >= 1
    await client.write(SSID, "Home")
    await client.disconnect()


@pytest.mark.fault("wrong-information")
async def test_the_device_says_that_it_is_another_one(box, phone):
    async with box.fault(text="Nobody"):
        await phone.scan(box.address)
        client = await phone.connect(box.address)
        assert {await client.read(uuid) for uuid in (MANUFACTURER, SERIAL, SOFTWARE)} == {"Nobody"}
        await client.disconnect()
    await phone.scan(box.address)
    client = await phone.connect(box.address)
    assert [await client.read(MANUFACTURER), await client.read(SOFTWARE)] == ["Journeys", "3.4"]
    await client.disconnect()


@pytest.mark.fault("firmware-version")
async def test_another_firmware_shows_in_the_information_service(box, phone):
    async with box.fault(text="6.6.6"):
        await box.control.wait(box.name, "state == commissioning")
        await phone.scan(box.address)
        client = await phone.connect(box.address)
        assert await client.read(SOFTWARE) == "6.6.6"
        await client.disconnect()
    await box.control.wait(box.name, "state == commissioning")
    await phone.scan(box.address)
    client = await phone.connect(box.address)
    assert await client.read(SOFTWARE) == "3.4"
    await client.disconnect()


@pytest.mark.fault("factory-reset")
async def test_a_device_that_was_commissioned_waits_in_its_box_again(box, phone, owner):
    jid = await unpack(phone, box.fleet, box.name, owner)
    await owner.befriend(jid)
    since = owner.inbox.mark()
    await box.suffer()
    await owner.inbox.wait("it leaves", lambda stanza: left(stanza, jid), since)
    await phone.scan(box.address)


@pytest.mark.fault("hello-not-sent")
async def test_a_device_that_does_not_greet_goes_back_to_its_client(box, phone, owner):
    since = owner.inbox.mark()
    async with box.fault():
        await give_credentials(box, phone, owner)
        await gives_up(box, phone)
    assert not [stanza for stanza in owner.inbox.stanzas[since:] if greets(stanza, box)]
    await unpack(phone, box.fleet, box.name, owner)


@pytest.mark.fault("mirror-ignored")
async def test_a_greeting_that_comes_back_changes_nothing(box, phone, owner):
    jid = f"{box.name}@{box.fleet.server.domain}"
    since = owner.inbox.mark()
    async with box.fault():
        await give_credentials(box, phone, owner)
        assert await owner.heard(jid, since) == HELLO
        owner.write(jid, HELLO)
        await gives_up(box, phone)
    bodies = [stanza.findtext(f"{{{wire.CLIENT}}}body") for stanza in owner.inbox.stanzas[since:]]
    assert DONE not in bodies
    await unpack(phone, box.fleet, box.name, owner)


@pytest.mark.fault("wrong-network")
async def test_a_device_that_joins_another_network_goes_back_to_its_client(box, phone, owner):
    async with box.fault(text="Neighbours"):
        since = box.fleet.mark()
        await give_credentials(box, phone, owner)
        await phone.scan(box.address)
    failed = await box.fleet.event("commissioning", since, device=box.name, step="network-failed")
    assert failed["ssid"] == NETWORK[0], "what it was told, and not what it did"
    await unpack(phone, box.fleet, box.name, owner)


async def give_credentials(box, phone, owner):
    """The client's part up to Setup Done."""
    await phone.scan(box.address)
    client = await phone.connect(box.address)
    await register(box.fleet.server, box.name)
    for uuid, value in credentials(f"{box.name}@{box.fleet.server.domain}", owner.bare):
        await client.write(uuid, value)
    await client.write(SETUP_DONE, b"\x01")
    await client.sent_away()


async def gives_up(box, phone):
    """Waits until the device can be found again."""
    await box.fleet.event("commissioning", device=box.name, step="gave-up")
    await phone.scan(box.address)


def greets(stanza, box):
    """Whether this comes from the device and says something."""
    return (stanza.get("from") or "").startswith(f"{box.name}@") and stanza.find(f"{{{wire.CLIENT}}}body") is not None


def left(stanza, jid):
    """The stanza, if it is the device's goodbye."""
    is_presence = stanza.tag == f"{{{wire.CLIENT}}}presence" and stanza.get("type") == "unavailable"
    return stanza if is_presence and (stanza.get("from") or "").startswith(jid) else None
