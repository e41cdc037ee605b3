"""What a client does over the air, as whoever listens by way of the control interface sees it: everything but secrets."""

import asyncio
import contextlib
import json
import os

import pytest
from fleets import NETWORK, credentials, read
from people import PASSWORD
from phone import JID, LANGUAGE, SETUP_DONE, Refused

import program as programs


@contextlib.asynccontextmanager
async def listening(things, device):
    """`thingfleet ctl traffic`: what it has heard, as a queue."""
    [started] = [event for event in things.events if "control" in event]
    url, token = started["control"]["url"], started["control"]["token"]
    process = await asyncio.create_subprocess_exec(
        *(str(programs.binary()), "ctl", "--json", "--url", url, "traffic", device),
        env={**os.environ, "THINGFLEET_TOKEN": token},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    heard = asyncio.Queue()

    async def hear():
        async for line in process.stdout:
            await heard.put(json.loads(line))

    reader = asyncio.create_task(hear())
    try:
        yield heard
    finally:
        process.kill()
        await process.wait()
        await reader


async def test_what_a_client_does_is_heard_without_its_secrets(fleet, phone, server, owner):
    things = await fleet()
    [device] = things.names
    address = await things.advertising()
    async with listening(things, device) as heard, asyncio.timeout(programs.DEADLINE):
        client = await phone.connect(address)
        # Nobody sees when the other program begins to listen, so the client reads until it is heard.
        while heard.empty():
            await client.read(LANGUAGE)
            await asyncio.sleep(0.05)
        while not heard.empty():
            heard.get_nowait()
        await read(client)
        # Somebody who is no JID first, and Setup Done before the last value.
        with pytest.raises(Refused):
            await client.write(JID, "no@jid@at.all")
        wanted = credentials(f"{device}@{server.domain}", owner.bare)
        for uuid, value in wanted[:-1]:
            await client.write(uuid, value)
        with pytest.raises(Refused):
            await client.write(SETUP_DONE, b"\x02")
        told = []
        while not told or told[-1].get("characteristic") != "Setup Done":
            told.append(await heard.get())
    told = [one for one in told if one["operation"] != "connect"]
    reads = {one["characteristic"]: one["value"] for one in told if one["operation"] == "read"}
    assert reads["Manufacturer Name"] == "Journeys"
    assert len(reads) == 5
    writes = [(one["characteristic"], one.get("value"), one["length"]) for one in told if one["operation"] == "write"]
    jid = f"{device}@{server.domain}"
    assert writes == [
        ("JID", "no@jid@at.all", len("no@jid@at.all")),
        ("JID", jid, len(jid)),
        ("JID password", None, len(PASSWORD)),
        ("JID sender", owner.bare, len(owner.bare)),
        ("Wi-Fi SSID", NETWORK[0], len(NETWORK[0])),
        ("Setup Done", "0x02", 1),
    ]
    refused = [one["refused"]["code"] for one in told if "refused" in one]
    assert refused == [0x13, 0x13]
    assert PASSWORD not in json.dumps(told)
