"""The life of a device on a chip: out of its box, online, restarted, and forgotten again."""

import pytest
import wire
from fleets import credentials
from machines import commission
from phone import Refused


async def test_a_chip_becomes_its_owners_and_stays_so_until_it_is_reset(machine, phone, server, owner, name):
    chip = await machine(server).switch_on()
    await chip.says("led Blue")
    jid = await commission(chip, phone, server, owner, name)
    await chip.says("led Green")

    # A click is carried out and reported, and the water gets warm.
    await owner.befriend(jid)
    await owner.subscribe(jid, wire.SENSORS)
    since = owner.inbox.mark()
    await owner.actuate(jid, "powerOn", "1")
    await chip.says("Actuated")
    await owner.value(wire.SENSORS, wire.sensor("powerOn"), "1", since=since)
    await owner.value(wire.SENSORS, wire.sensor("temp"), since=since)
    await owner.say(jid, "status")
    await owner.heard(jid, since, containing="temp:")

    # The power goes and comes: it needs nobody, and greets nobody.
    await chip.switch_off()
    seen = chip.mark()
    await chip.switch_on()
    await chip.says("led Green", seen)
    assert not any("Commissioning(Entered(Unprovisioned))" in line for line in chip.said[seen:])

    # Somebody holds the button.
    seen = chip.mark()
    await chip.press("press")
    await chip.says("led Blue", seen)
    await chip.press("release")
    assert f"{name}@".encode() not in chip.flash.read_bytes()
    await phone.scan(chip.address)

    await chip.press("stop")
    assert await chip.stopped() == 0


@pytest.mark.parametrize("device", ["door", "smoke-alarm"])
async def test_a_protected_chip_takes_what_is_protected(machine, phone, server, owner, name, device):
    chip = await machine(server, device=device).switch_on()
    how = {"pair": True} if device == "door" else {"seal": chip.seal}
    await phone.scan(chip.address)
    client = await phone.connect(chip.address)
    uuid, value = credentials(f"{name}@{server.domain}", owner.bare)[0]
    with pytest.raises(Refused):
        await client.write(uuid, value)
    await client.disconnect()
    await commission(chip, phone, server, owner, name, **how)
    await chip.says("led Green")


async def test_a_chip_that_panics_is_back_by_itself_and_says_why(machine, phone, server, owner, name):
    chip = await machine(server).switch_on()
    jid = await commission(chip, phone, server, owner, name)
    await chip.says("led Green")
    await owner.befriend(jid)
    since, seen = owner.inbox.mark(), chip.mark()
    await chip.press("panic")
    await chip.says("led Green", seen)

    def restarted(stanza):
        status = stanza.findtext(f"{{{wire.CLIENT}}}status", "")
        return (stanza.get("from"), status) if "restarted after" in status else None

    def well(stanza):
        return True if stanza.findtext(f"{{{wire.CLIENT}}}status") == "ok" else None

    device, status = await owner.inbox.wait("presence with a reason", restarted, since)
    assert status.startswith("ok, restarted after: the serial line wants it (")
    info = await owner.ask("get", device, f"<query xmlns='{wire.DISCO_INFO}'/>")
    assert any("the serial line wants it" in text for text in info.itertext())

    # Told once: who pulls the plug wanted it so.
    await chip.switch_off()
    since, seen = owner.inbox.mark(), chip.mark()
    await chip.switch_on()
    await chip.says("led Green", seen)
    await owner.inbox.wait("presence without one", well, since)


async def test_a_chip_comes_back_when_its_server_does(machine, phone, server, owner, name):
    chip = await machine(server).switch_on()
    await commission(chip, phone, server, owner, name)
    await chip.says("led Green")
    seen = chip.mark()
    server.kill()
    await chip.says("led Yellow", seen)
    seen = chip.mark()
    server.start()
    await chip.says("led Green", seen)
