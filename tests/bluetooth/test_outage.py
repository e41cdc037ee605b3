"""A server that is not there when the device comes with its new account."""

import asyncio

import pytest_asyncio
from fleets import credentials, register, unpack
from people import Person
from phone import SETUP_DONE

import servers

# The issue's own limit: advertising again within this time after the way back was taken.
AGAIN = 5.0
# What the definition gives the device to get in.
SESSION = 4.0


@pytest_asyncio.fixture
async def frail():
    """An XMPP server of the test's own, to be stopped."""
    server = servers.Prosody()
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        await asyncio.to_thread(server.close)


async def test_a_server_that_is_gone_after_setup_done_brings_the_device_back_to_its_client(fleet, phones, frail, name):
    things = await fleet(server=frail, session=f"{SESSION}s")
    [device] = things.names
    first, second = await phones(), await phones()
    client = await first.connect(await things.advertising())
    await register(frail, device)
    await asyncio.to_thread(frail.stop)
    for uuid, value in credentials(f"{device}@{frail.domain}", f"juliet-{name}@{frail.domain}"):
        await client.write(uuid, value)
    since = things.mark()
    await client.write(SETUP_DONE, b"\x01")
    await client.sent_away()
    await things.event("led", since, colour="yellow")
    waiting = await things.event("session", since, state="waiting")
    assert waiting["kind"] == "unreachable"
    assert waiting["text"] and waiting["retry_in_ms"] > 0
    assert waiting["next_step"] == "check that the server runs and that host and port are right"
    gave_up = await things.event("commissioning", since, step="gave-up")
    assert gave_up["why"].startswith("the server did not let it in in time: ")
    assert gave_up["next_step"] == waiting["next_step"]
    tried = [event for event in things.told_since(since, "session") if event["state"] == "connecting"]
    assert len(tried) > 1, "it tries again"
    opening = await things.event("commissioning", since, stage="opening-session")
    assert SESSION <= gave_up["device_seconds"] - opening["device_seconds"] < SESSION + AGAIN
    back = things.events.index(gave_up)
    await things.event("led", back, colour="blue")
    await things.advertising(since=back, deadline=AGAIN)
    await asyncio.to_thread(frail.start)
    owner = await Person(frail, f"juliet-{name}").enter()
    await unpack(second, things, device, owner)
    await things.event("led", back, colour="green")
    await owner.leave()
