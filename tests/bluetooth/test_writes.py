"""What a client may do wrong, and what it is told."""

import asyncio

import phone as gatt
import pytest
from fleets import credentials, register

INVALID_PDU, INVALID_OFFSET, QUEUE_FULL, INVALID_LENGTH = 0x04, 0x07, 0x09, 0x0D
INSUFFICIENT_AUTHENTICATION, NOT_ALLOWED, INCOMPLETE, NOT_SEALED = 0x05, 0x13, 0x80, 0x81
ATT, SIGNALS, SECURITY = 4, 5, 6


@pytest.fixture
def connect(fleet, phone):
    """Connects to a new device: `things, client = await connect()`."""

    async def make(mtu=247, **settings):
        things = await fleet(**settings)
        return things, await phone.connect(await things.advertising(), mtu)

    return make


async def refused(write):
    """The code with which a write is refused."""
    with pytest.raises(gatt.Refused) as refusal:
        await write
    return refusal.value.code


async def test_a_long_value_arrives_whole(connect):
    things, client = await connect(mtu=None)
    jid = f"{'x' * 300}@example.org"
    await client.write(gatt.JID, jid)
    await things.event("commissioning", step="written", characteristic="JID")


async def test_values_are_taken_in_any_order_and_the_last_one_counts(connect, server, owner):
    things, client = await connect()
    [device] = things.names
    await register(server, device)
    await client.write(gatt.JID, "somebody@example.org")
    for uuid, value in reversed(credentials(f"{device}@{server.domain}", owner.bare)):
        await client.write(uuid, value)
    await client.write(gatt.SETUP_DONE, b"\x01")
    await things.event("session", state="setting-up")


@pytest.mark.parametrize(
    ("uuid", "value", "code"),
    [
        (gatt.SSID, b"", INVALID_LENGTH),
        (gatt.SSID, b"x" * 33, INVALID_LENGTH),
        (gatt.SSID, b"\xff\xfe", NOT_ALLOWED),
        (gatt.NETWORK_PASSWORD, b"x" * 65, INVALID_LENGTH),
        (gatt.JID, "no jid at all", NOT_ALLOWED),
        (gatt.JID, "kettle@example.org/kitchen", NOT_ALLOWED),
        (gatt.JID_SENDER, "juliet@example.org/phone", NOT_ALLOWED),
        (gatt.JID_PASSWORD, b"", INVALID_LENGTH),
        (gatt.JID_PASSWORD, b"x" * 513, INVALID_LENGTH),
        (gatt.SETUP_DONE, b"", INVALID_LENGTH),
        (gatt.SETUP_DONE, b"\x00", NOT_ALLOWED),
        (gatt.SETUP_DONE, b"\x01\x01", INVALID_LENGTH),
    ],
    ids=str,
)
async def test_a_bad_value_is_refused_with_its_reason(connect, uuid, value, code):
    _, client = await connect()
    assert await refused(client.write(uuid, value)) == code
    assert await client.read(gatt.DEVICE_NAME)


async def test_an_empty_network_password_is_a_value(connect):
    _, client = await connect()
    await client.write(gatt.NETWORK_PASSWORD, "")


async def test_setup_done_too_early_says_what_is_missing_and_goes_on(connect, phone, server):
    things, client = await connect()
    await client.write(gatt.SSID, "Home")
    assert await refused(client.write(gatt.SETUP_DONE, b"\x01")) == INCOMPLETE
    event = await things.event("commissioning", step="incomplete")
    assert event["missing"] == ["JID", "JID password", "JID sender"]
    since = things.mark()
    await client.disconnect()
    again = await phone.connect(await things.advertising(since=since))
    # What the earlier client wrote is forgotten.
    assert await refused(again.write(gatt.SETUP_DONE, b"\x01")) == INCOMPLETE
    event = await things.event("commissioning", since, step="incomplete")
    assert event["missing"] == ["Wi-Fi SSID", "JID", "JID password", "JID sender"]


async def test_a_long_value_that_lost_a_piece_is_refused_as_a_whole(connect):
    things, client = await connect()
    await client.prepare(gatt.JID, 0, b"kettle@")
    assert await refused(client.prepare(gatt.JID, 9, b"example.org")) == INVALID_OFFSET
    assert await refused(client.execute()) == INVALID_OFFSET
    await client.prepare(gatt.JID, 0, b"kettle@")
    assert await refused(client.prepare(gatt.JID_SENDER, 0, b"x")) == QUEUE_FULL
    await client.prepare(gatt.JID, 7, b"example.org")
    await client.execute()
    await client.prepare(gatt.SSID, 0, b"Home")
    await client.execute(flags=0)
    assert await refused(client.write(gatt.SETUP_DONE, b"\x01")) == INCOMPLETE
    event = await things.event("commissioning", step="incomplete")
    assert event["missing"] == ["Wi-Fi SSID", "JID password", "JID sender"]


async def test_writes_over_a_plain_link_are_refused_where_it_has_to_be_encrypted(connect):
    _, client = await connect(security="encrypted")
    assert await client.read(gatt.DEVICE_NAME)
    assert await refused(client.write(gatt.SSID, "Home")) == INSUFFICIENT_AUTHENTICATION
    assert await refused(client.prepare(gatt.SSID, 0, b"Ho")) == INSUFFICIENT_AUTHENTICATION
    assert await refused(client.write(gatt.SETUP_DONE, b"\x01")) == INSUFFICIENT_AUTHENTICATION
    await client.pair()
    await client.write(gatt.SSID, "Home")


async def test_what_is_not_sealed_to_this_device_is_refused(connect):
    _, client = await connect(security="sealed")
    assert await refused(client.write(gatt.SSID, "Home")) == NOT_SEALED
    assert await refused(client.write(gatt.JID_PASSWORD, b"x" * 200)) == NOT_SEALED
    assert await refused(client.write(gatt.NETWORK_PASSWORD, "")) == NOT_SEALED


async def test_a_client_that_vanishes_in_the_middle_of_a_write_leaves_nothing_behind(connect, phones):
    things, client = await connect()
    another = await phones()
    await client.write(gatt.SSID, "Home")
    await client.prepare(gatt.JID, 0, b"kettle@exam")
    since = things.mark()
    client.vanish()
    await things.event("commissioning", since, step="client-gone")
    again = await another.connect(await things.advertising(since=since))
    await again.execute()
    assert await refused(again.write(gatt.SETUP_DONE, b"\x01")) == INCOMPLETE
    event = await things.event("commissioning", since, step="incomplete")
    assert "Wi-Fi SSID" in event["missing"] and "JID" in event["missing"]


async def test_a_client_that_does_nothing_is_sent_away(connect, phones):
    things, client = await connect(idle="1s")
    another = await phones()
    since = things.mark()
    await client.sent_away()
    again = await another.connect(await things.advertising(since=since))
    assert await again.read(gatt.DEVICE_NAME)


REQUESTS = {
    0x04: bytes([1, 0, 9, 0]),
    0x06: bytes([1, 0, 9, 0, 0x00, 0x28]),
    0x08: bytes([1, 0, 9, 0, 0x03, 0x28]),
    0x0A: bytes([3, 0]),
    0x0C: bytes([3, 0, 0, 0]),
    0x10: bytes([1, 0, 9, 0, 0x00, 0x28]),
    0x12: bytes([3, 0]),
    0x16: bytes([3, 0, 0, 0]),
    0x18: bytes([1]),
    0x20: bytes([3, 0, 5, 0]),
}


async def test_a_request_cut_off_anywhere_is_answered_as_malformed(connect):
    _, client = await connect()
    for opcode, fields in REQUESTS.items():
        for length in range(len(fields)):
            assert await client.request(bytes([opcode]) + fields[:length]) == (opcode, INVALID_PDU)
    assert await client.read(gatt.DEVICE_NAME)


async def test_hostile_frames_do_not_end_the_device(connect):
    _, client = await connect()
    frames = [
        (ATT, b""),
        (ATT, b"\x02"),
        (ATT, b"\x52\x03"),
        (ATT, b"\x1d\x03"),
        (ATT, b"\x10\x01\x00\xff\xff" + b"\x55" * 16),
        (ATT, bytes(600)),
        (SIGNALS, b""),
        (SIGNALS, b"\x12\x01\x08\x00\x01"),
        (SIGNALS, b"\x15\x01\x0a\x00" + b"\xff" * 10),
        (SIGNALS, b"\x06\x01\x04\x00" + bytes(4)),
        (SECURITY, b""),
        (SECURITY, b"\x0c\x01\x02\x03"),
        (SECURITY, b"\xee" * 80),
        (0x3A, b"anything"),
        (0x40, b"anything"),
    ]
    for channel, frame in frames:
        client.send(channel, frame)
    # Some of these are answered, in their own time.
    await client.settle()
    assert await client.read(gatt.DEVICE_NAME) == "Thing in a box"
