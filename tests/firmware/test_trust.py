"""Whom a chip believes: nobody but the server whose certificate its authority has signed, for that name, today."""

from datetime import datetime

import wire
from certificates import Authority
from fleets import credentials
from machines import commission
from phone import SETUP_DONE

import machines
import servers


async def refused(chip, phone, jid, owner):
    """Gives the chip credentials, and what it says of the server then."""
    await chip.switch_on()
    await phone.scan(chip.address)
    client = await phone.connect(chip.address)
    for uuid, value in credentials(jid, owner):
        await client.write(uuid, value)
    await client.write(SETUP_DONE, b"\x01")
    return await chip.says("kind: Tls")


async def test_an_unknown_authority_is_refused(machine, phone, server, tmp_path):
    other = Authority(tmp_path / "other", "Somebody else")
    chip = machine(server, ca_file=other.certificate)
    said = await refused(chip, phone, f"kettle@{server.domain}", "juliet@home.example")
    assert "is not signed by an authority that is trusted here" in said


async def test_a_certificate_that_has_expired_is_refused(machine, phone, server, clock):
    in_2040 = 2_208_988_800
    chip = machine(server, clock=await clock(in_2040))
    said = await refused(chip, phone, f"kettle@{server.domain}", "juliet@home.example")
    assert "has expired" in said


async def test_a_certificate_that_is_not_valid_yet_is_refused(machine, phone, server, clock):
    # The device is older than the certificate.
    chip = machine(server, clock=await clock(machines.MADE))
    said = await refused(chip, phone, f"kettle@{server.domain}", "juliet@home.example")
    assert "is not valid yet" in said


async def test_a_time_from_before_the_device_was_made_is_not_taken(machine, phone, server, owner, name, clock):
    in_2020 = 1_577_836_800
    chip = await machine(server, clock=await clock(in_2020)).switch_on()
    await commission(chip, phone, server, owner, name)
    said = await chip.says("trouble the time server")
    assert "it says 2020-01-01T00:00:00Z, and it cannot be before" in said
    # It does without, and the XMPP server tells it.
    await chip.says("led Green")
    assert await told(owner, f"{name}@{server.domain}") > machines.MADE


async def told(owner, jid):
    """What time the device says it is, in seconds since 1970."""
    await owner.befriend(jid)
    answer = await owner.ask("get", await owner.available(jid), f"<time xmlns='{wire.TIME}'/>")
    return datetime.fromisoformat(answer.findtext(f".//{{{wire.TIME}}}utc")).timestamp()


async def test_a_certificate_for_another_name_is_refused(machine, phone, monkeypatch):
    class Elsewhere(Authority):
        def issue(self, directory, domain):
            return super().issue(directory, f"not-{domain}")

    monkeypatch.setattr(servers, "Authority", Elsewhere)
    impostor = servers.Prosody()
    try:
        impostor.start()
        said = await refused(machine(impostor), phone, f"kettle@{impostor.domain}", "juliet@home.example")
        assert "is for another name" in said
    finally:
        impostor.close()
