"""Whom a chip believes: nobody but the server whose certificate its authority has signed, for that name, today."""

import pytest
from certificates import Authority
from fleets import credentials
from phone import SETUP_DONE

import machines
import servers


async def refused(chip, phone, jid, owner):
    """Gives the chip credentials, and what it says of the server then."""
    await chip.switch_on()
    await phone.scan(machines.ADDRESS)
    client = await phone.connect(machines.ADDRESS)
    for uuid, value in credentials(jid, owner):
        await client.write(uuid, value)
    await client.write(SETUP_DONE, b"\x01")
    return await chip.says("kind: Tls")


async def test_an_unknown_authority_is_refused(machine, phone, server, tmp_path):
    other = Authority(tmp_path / "other", "Somebody else")
    chip = machine(server, ca_file=other.certificate)
    said = await refused(chip, phone, f"kettle@{server.domain}", "juliet@home.example")
    assert "is not signed by an authority that is trusted here" in said


@pytest.mark.parametrize(("date", "why"), [("2040-01-01", "has expired"), ("2020-01-01", "is not valid yet")])
async def test_a_certificate_of_another_time_is_refused(machine, phone, server, date, why):
    chip = machine(server, date=date)
    said = await refused(chip, phone, f"kettle@{server.domain}", "juliet@home.example")
    assert why in said


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
