"""A new device greets its owner, and is the owner's once the greeting comes back (thesis 4.3)."""

import wire

HELLO = "Hi from the ESP32. Please mirror this message!"
DONE = "Setup done!"


async def greeted(server, username, run, owner):
    """A device that has just said hello; gives its address and the program."""
    jid = f"{username}@{server.domain}"
    program = await run(owners=[owner.bare], commissioning="handshake").start()
    assert await owner.heard(jid) == HELLO
    return jid, program


async def test_the_owner_is_greeted_mirrors_and_is_told_that_it_is_done(server, username, run, owner):
    jid, program = await greeted(server, username, run, owner)
    owner.write(jid, HELLO)
    assert await owner.heard(jid, containing=DONE) == DONE
    for step in ("hello-sent", "mirrored", "owner-added", "done"):
        await program.event("handshake", step=step)
    await owner.befriend(jid)
    await owner.subscribe(jid, wire.SENSORS)
    await owner.value(wire.SENSORS, wire.sensor("temp"))


async def test_a_strangers_mirror_is_not_accepted(server, username, run, owner, stranger):
    jid, program = await greeted(server, username, run, owner)
    since = owner.inbox.mark()
    stranger.write(jid, HELLO)
    owner.write(jid, HELLO)
    await owner.heard(jid, since, containing=DONE)
    # The owner may hear it before the program tells it.
    await program.event("handshake", step="done")
    assert [event["step"] for event in program.told("handshake")].count("mirrored") == 1
    assert not [s for s in stranger.inbox.stanzas if s.findtext(f"{{{wire.CLIENT}}}body") == DONE]


async def test_other_words_of_the_owner_are_no_mirror(server, username, run, owner):
    jid, program = await greeted(server, username, run, owner)
    since = owner.inbox.mark()
    owner.write(jid, HELLO.lower())
    owner.write(jid, "hello")
    owner.write(jid, HELLO)
    await owner.heard(jid, since, containing=DONE)
    await program.event("handshake", step="done")
    assert [event["step"] for event in program.told("handshake")].count("mirrored") == 1


async def test_a_device_once_commissioned_does_not_greet_again(server, username, run, owner):
    jid, program = await greeted(server, username, run, owner)
    owner.write(jid, HELLO)
    await owner.heard(jid, containing=DONE)
    await owner.befriend(jid)
    await program.stop()
    since = owner.inbox.mark()
    await program.start()
    await program.online()
    await owner.say(jid, "status")
    assert not [s for s in owner.inbox.stanzas[since:] if s.findtext(f"{{{wire.CLIENT}}}body") == HELLO]
