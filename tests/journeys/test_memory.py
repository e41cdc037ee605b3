"""What a device was given over Bluetooth outlives the program, and a device that has it needs no radio any more."""

import json
import secrets

import program as programs
from test_handshake import DONE, HELLO

MODE = 0o600


class Memory:
    """The file in which a fleet of one device keeps what the device was given."""

    def __init__(self, directory, name):
        self._name = name
        self.path = directory / "state" / "thingfleet" / name / "devices.json"

    def write(self, account, owner, ssid="Home", **given):
        """Stores what a client would have written over Bluetooth."""
        jid, password = account
        given = {"ssid": ssid, "network_password": "", "jid": jid, "password": password, "owner": owner.bare} | given
        device = {"key": secrets.token_hex(32), "given": {"done": False} | given}
        self.path.parent.mkdir(parents=True)
        self.path.write_text(json.dumps({"version": 1, "devices": {self._name: device}}))
        return device["key"]

    def read(self):
        """What the device keeps."""
        return json.loads(self.path.read_text())["devices"][self._name]


async def test_what_a_device_was_given_outlives_the_program(server, username, run, owner, insider, tmp_path):
    memory = Memory(tmp_path, username)
    key = memory.write(insider.account, owner)
    program = await run(commissioning="bluetooth", networks="[{ ssid: Home }]", adapters="virtual").start()
    assert await owner.heard(insider.bare) == HELLO
    owner.write(insider.bare, HELLO)
    await owner.heard(insider.bare, containing=DONE)
    await program.event("commissioning", stage="done")
    await program.stop()

    kept = memory.read()
    assert (kept["key"], kept["given"]["done"]) == (key, True)
    assert memory.path.stat().st_mode & 0o777 == MODE

    for end in (program.kill, program.stop):
        since = owner.inbox.mark()
        await program.start()
        await program.online()
        states = [event["state"] for event in program.told("session")]
        assert states[0] == "joining" and "commissioning" not in states
        await end()
        assert memory.read() == kept
        assert HELLO not in [stanza.findtext("{jabber:client}body") for stanza in owner.inbox.stanzas[since:]]


async def test_credentials_that_lead_nowhere_are_forgotten_and_the_key_stays(
    server, username, run, owner, insider, tmp_path
):
    memory = Memory(tmp_path, username)
    key = memory.write(insider.account, owner, ssid="Elsewhere")
    program = await run(commissioning="bluetooth", networks="[{ ssid: Home }]", adapters="virtual").start()
    await program.event("commissioning", step="gave-up")
    await program.event("session", state="commissioning")
    await program.stop()
    assert memory.read() == {"key": key}


async def test_a_fleet_that_waits_cannot_be_started_twice(server, username, run, tmp_path):
    settings = {"commissioning": "bluetooth", "adapters": "virtual"}
    first = await run(**settings).start()
    await first.event("session", state="commissioning")
    second = programs.Program(tmp_path, programs.profile(server, username, **settings))
    await second.start()
    assert await second.ended() == 3
    assert b"in use by another run" in second.errors
