"""Many devices that start at once get their accounts and nodes, whatever the server thinks of the rush."""

import wire

DEVICES = 40
SHOWN = {wire.sensor(name) for name in ("temp", "door", "led", "level", "count", "mode", "note", "brew", "fan")}


async def test_forty_devices_at_once_all_come_online_with_all_nodes(server, username, run, owner):
    program = await run(owners=[owner.bare], count=DEVICES, access="open").start()
    names = [f"{username}-{number}" for number in range(1, DEVICES + 1)]
    for name in names:
        await program.event("nodes-ready", device=name, created=3)
        await program.event("session", device=name, state="online")
        for channel in ("temp", "fan"):
            await program.event("published", device=name, channel=channel)
    for name in names:
        jid = f"{name}@{server.domain}"
        assert set(wire.values(await owner.fetch(jid, wire.SENSORS))) == SHOWN
        assert wire.fields(await owner.fetch(jid, wire.UI))
    assert not program.told("setup-failed") and not program.told("publish-failed")
    assert await program.stop() == 0
    await program.start()
    for name in names:
        await program.event("nodes-ready", device=name, created=0, repaired=0)
