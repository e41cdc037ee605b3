"""Fleets of devices in their boxes, and the client's part in unpacking one (thesis 4.1 to 4.3)."""

import asyncio
import re
import urllib.parse
from dataclasses import dataclass

from people import PASSWORD, Person
from phone import (
    HARDWARE,
    JID,
    JID_PASSWORD,
    JID_SENDER,
    LANGUAGE,
    MANUFACTURER,
    NETWORK_PASSWORD,
    SERIAL,
    SETUP_DONE,
    SOFTWARE,
    SSID,
    DEVICE_NAME,
)

import program as programs

HELLO = "Hi from the ESP32. Please mirror this message!"
DONE = "Setup done!"
NETWORK = ("Home", "correct horse")

DEFINITION = """\
device: thing
title: Journey thing
manufacturer: Journeys
hardware: "1.2"
software: "3.4"
tick: 100ms
sensors:
  temp:
    type: float
    unit: celsius
    behaviour: {{ ramp: {{ from: 20, to: 30, over: 20s, repeat: true }} }}
    publish: {{ every: 500ms, change: always }}
bluetooth:
  name: {name}
  appearance: 0x0908
  security: {security}
  notify: {notify}
  setup_done: {setup_done}
  idle: {idle}
  mirror: {mirror}
  session: {session}
  join_attempts: 1
"""

PROFILE = """\
fleet: boxes
seed: 7
server: {{ domain: {server.domain}, host: {server.host}, port: {server.port}, ca_file: '{server.ca_file}' }}
commissioning: bluetooth
adapters: {adapters}
networks: [{{ ssid: {ssid}, password: '{password}' }}]
groups:
  - {{ definition: thing.yaml, names: '{name}-{{n}}', count: {count} }}
"""


class Fleet(programs.Program):
    """A run of the program with devices that wait."""

    def __init__(
        self,
        directory,
        server,
        air,
        name,
        count=1,
        adapters=None,
        security="open",
        notify=False,
        setup_done="same-service",
        title="Thing in a box",
        idle="1min",
        mirror="10min",
        session="2min",
        network=NETWORK,
    ):
        settings = {"security": security, "notify": str(notify).lower(), "setup_done": setup_done}
        spans = {"idle": idle, "mirror": mirror, "session": session}
        text = DEFINITION.format(name=title, **settings, **spans)
        (directory / "thing.yaml").write_text(text)
        adapters = adapters or f"{{ virtual: '127.0.0.1:{air.port}' }}"
        ssid, password = network
        text = PROFILE.format(
            server=server, adapters=adapters, name=name, count=count, ssid=ssid, password=password
        )
        super().__init__(directory, text)
        self.server = server
        self.codes = {}
        self.names = [f"{name}-{number}" for number in range(1, count + 1)]

    async def advertising(self, device=None, since=0, deadline=programs.DEADLINE):
        """Waits until a device can be found, and returns its address."""
        device = device or self.names[0]
        event = await self.event("bluetooth", since, deadline, device=device, state="advertising")
        return event["address"]

    async def start(self, *arguments):
        """Prints the QR codes, as somebody would who puts things into boxes, and starts the program."""
        text = await self.output("qr", "--text")
        codes = re.findall(r"(xmpp:iot-register\?mac=(\S+)&algo=ed25519&key=(\S+))", text)
        for device, (whole, address, key) in zip(self.names, codes, strict=True):
            self.codes[device] = Code(whole, address, urllib.parse.unquote(key))
        return await super().start(*arguments)


@dataclass
class Code:
    """What a device's QR code says."""

    text: str
    address: str
    key: str


async def read(client):
    """What the reference client reads before it writes: its title, and the information service."""
    information = (LANGUAGE, HARDWARE, SOFTWARE, SERIAL, MANUFACTURER)
    return await client.read(DEVICE_NAME), [await client.read(uuid) for uuid in information]


def credentials(jid, owner, password=PASSWORD, network=NETWORK):
    """What is written, in the order of the reference client."""
    ssid, network_password = network
    return [
        (JID, jid),
        (JID_PASSWORD, password),
        (JID_SENDER, owner),
        (SSID, ssid),
        (NETWORK_PASSWORD, network_password),
    ]


async def unpack(phone, fleet, device, owner, seal=None, pair=False):
    """The client's part of the journey: find, connect, read, register, write, answer. Returns the device's JID."""
    address = fleet.codes[device].address
    await phone.scan(address)
    client = await phone.connect(address)
    if pair:
        await client.pair()
    await read(client)
    jid = f"{device}@{fleet.server.domain}"
    await register(fleet.server, device)
    since = owner.inbox.mark()
    for uuid, value in credentials(jid, owner.bare):
        await client.write(uuid, seal(uuid, value) if seal else value)
    await client.write(SETUP_DONE, b"\x01")
    await client.sent_away()
    assert await owner.heard(jid, since) == HELLO
    owner.write(jid, HELLO)
    assert await owner.heard(jid, since, containing=DONE) == DONE
    return jid


async def register(server, username):
    """Registers an account in band (XEP-0077), and leaves."""
    person = await Person(server, username, resource="registration").enter(available=False)
    await person.leave()


async def together(*journeys):
    """Runs journeys at the same time; the first failure is the test's."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(journey) for journey in journeys]
    return [task.result() for task in tasks]
