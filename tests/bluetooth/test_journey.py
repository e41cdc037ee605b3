"""From the box to `Setup done!`: the whole journey over the air, ending on a real server with real values."""

import wire
from fleets import together, unpack


async def test_a_device_out_of_the_box_becomes_its_owners(fleet, phone, owner):
    things = await fleet()
    [device] = things.names
    jid = await unpack(phone, things, device, owner)
    await things.event("commissioning", device=device, stage="done")
    await owner.befriend(jid)
    await owner.subscribe(jid, wire.SENSORS)
    await owner.value(wire.SENSORS, wire.sensor("temp"))
    # Nobody is left on the air: it has an owner.
    assert things.told("bluetooth")[-1]["state"] == "advertising"
