"""The life of a device on a chip: out of its box, online, restarted, and forgotten again."""

import wire
from fleets import DONE, HELLO, credentials, register
from phone import SETUP_DONE

import machines


async def commission(chip, phone, server, owner, name):
    """The client's part: find, connect, register, write, send the greeting back. Gives the device's JID."""
    await phone.scan(machines.ADDRESS)
    client = await phone.connect(machines.ADDRESS)
    jid = f"{name}@{server.domain}"
    await register(server, name)
    since = owner.inbox.mark()
    for uuid, value in credentials(jid, owner.bare):
        await client.write(uuid, value)
    await client.write(SETUP_DONE, b"\x01")
    await client.sent_away()
    assert await owner.heard(jid, since) == HELLO
    owner.write(jid, HELLO)
    await owner.heard(jid, since, containing=DONE)
    return jid


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
    await phone.scan(machines.ADDRESS)

    await chip.press("stop")
    assert await chip.stopped() == 0


async def test_a_chip_comes_back_when_its_server_does(machine, phone, server, owner, name):
    chip = await machine(server).switch_on()
    await commission(chip, phone, server, owner, name)
    await chip.says("led Green")
    seen = chip.mark()
    server.kill()
    await chip.says("led Yellow", seen)
    seen = chip.mark()
    server.start()
    await chip.says("led Green", seen, deadline=60)
