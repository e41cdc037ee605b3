"""An independent client meets devices over bluetoothd, and makes them its owner's."""

import asyncio
import json
import os
import time

import pytest
from bleak.exc import BleakError

import central as centrals
import program as programs
from conftest import NETWORK, SETTINGS
from stack import CLIENT, DEVICES, eventually

JOURNEY = 60.0
# bluetoothd has names for few ATT errors: all the others arrive as 0x80 (docs/COMMISSIONING.md).
WRONG = [
    (centrals.SETUP_DONE, b"\x01", "Error 0x80"),
    (centrals.SSID, b"", "Invalid Attribute Value Length"),
    (centrals.SSID, b"x" * 33, "Invalid Attribute Value Length"),
    (centrals.JID, b"\xff\xfe", "Error 0x80"),
]


async def advertising(program, count, deadline=JOURNEY):
    """The `advertising` event of each device by its name, once all have told theirs."""
    told = {}
    seen = 0
    async with asyncio.timeout(deadline):
        while len(told) < count:
            event = await program.event("bluetooth", since=seen, deadline=deadline, state="advertising")
            seen = program.events.index(event) + 1
            told[event["device"]] = event
    return told


async def test_eight_devices_wait_at_once_and_are_commissioned(stack, central, fleet, account, measure):
    program = await fleet("lamp", 8, DEVICES)
    with measure("eight devices, from the start of the program to all advertising"):
        told = await advertising(program, 8)
    real = await stack.addresses()
    assert {event["adapter"]: event["address"] for event in told.values()} == {name: real[name] for name in DEVICES}
    assert len({event["address"] for event in told.values()}) == 8

    addresses = {name: event["address"] for name, event in told.items()}
    with measure("eight devices found by one client"):
        found = await central.find(*addresses.values())
    for _, advertisement in found:
        assert advertisement.local_name == "Dimmable lamp"
        assert set(advertisement.service_uuids) == {centrals.INFORMATION, centrals.PROVISIONING}
        assert advertisement.manufacturer_data == {0xFFFF: bytes([1, 0])}

    with measure("eight devices commissioned by one client, from scanning to the last Setup done!"):
        for address in addresses.values():
            async with central.connected(address) as client:
                await centrals.commission(client, *account(), SETTINGS["owner"], *NETWORK)
        for name in addresses:
            await program.event("commissioning", deadline=JOURNEY, device=name, stage="done")

    async def undressed():
        return all([await stack.alias(adapter) != "Dimmable lamp" for adapter in DEVICES])

    await eventually("the adapters have their names back", undressed)


async def test_a_client_reads_and_is_told_what_is_wrong(stack, central, fleet, account, measure):
    program = await fleet("board", 1, ["hci0"])
    address = (await program.event("bluetooth", state="advertising"))["address"]
    begun = time.monotonic()
    async with central.connected(address) as client:
        measure.took("one device: found, connected, services discovered", begun)
        await program.event("commissioning", step="client-connected")

        information = [service for service in client.services if service.uuid == centrals.INFORMATION]
        assert len(information) == 1
        read = {c.uuid: bytes(await client.read_gatt_char(c)).decode() for c in information[0].characteristics}
        assert read[centrals.LANGUAGE] == "en"
        assert read[centrals.HARDWARE] == "1.0"
        assert read[centrals.MANUFACTURER] == "Espressif"
        assert read[centrals.SERIAL] and read[centrals.SOFTWARE]
        assert all("notify" in c.properties for c in information[0].characteristics)
        assert client.services.get_characteristic(centrals.SETUP_DONE).service_uuid != centrals.PROVISIONING
        assert (await stack.device(CLIENT, address))["Name"].value == "ESP32 XMPP"

        for characteristic, value, answer in WRONG:
            with pytest.raises(BleakError) as refused:
                await client.write_gatt_char(characteristic, value, response=True)
            assert answer in str(refused.value), (characteristic, value)
        missing = (await program.event("commissioning", step="incomplete"))["missing"]
        assert len(missing) == 4

        # Longer than the MTU: it comes as prepared writes, which bluetoothd puts together.
        await client.write_gatt_char(centrals.JID_PASSWORD, b"p" * 200, response=True)
        with measure("one device: six writes"):
            await centrals.commission(client, *account(), SETTINGS["owner"], *NETWORK)
        with measure("one device: from Setup Done to Setup done!"):
            await program.event("commissioning", deadline=JOURNEY, stage="done")


async def test_a_client_that_stays_is_sent_away_after_setup_done(central, fleet, account):
    program = await fleet("lamp", 1, ["hci0"])
    address = (await program.event("bluetooth", state="advertising"))["address"]
    async with central.connected(address) as client:
        await centrals.commission(client, *account(), SETTINGS["owner"], *NETWORK)
        async with asyncio.timeout(JOURNEY):
            while client.is_connected:
                await asyncio.sleep(0.05)


async def test_an_encrypted_link_is_paired_without_a_question(stack, central, fleet, account, measure):
    program = await fleet("door", 1, ["hci1"])
    address = (await program.event("bluetooth", state="advertising"))["address"]
    ((_, advertisement),) = await central.find(address)
    assert advertisement.manufacturer_data == {0xFFFF: bytes([1, 1])}
    client_address = (await stack.addresses())[CLIENT]
    async with central.connected(address) as client:
        with measure("one device: pairing and six writes"):
            # Without this, bluetoothd would pair at the first write and ask the default agent, who is the program's:
            # it welcomes clients on the device's adapter, and nobody on the client's.
            await client.pair()
            await centrals.commission(client, *account(), SETTINGS["owner"], *NETWORK)
        assert (await stack.device("hci1", client_address))["Paired"].value
        await program.event("commissioning", deadline=JOURNEY, stage="done")
    await stack.forget("hci1", client_address)


@pytest.mark.parametrize(("definition", "security"), [("lamp", "open"), ("door", "encrypted")])
async def test_the_commissioner_is_a_client_on_bluetoothd_too(
    stack, fleet, account, measure, tmp_path, definition, security
):
    program = await fleet(definition, 1, ["hci3"])
    address = (await program.event("bluetooth", state="advertising"))["address"]
    code = await program.output("qr", "--text")
    assert address in code

    owner, password = account()
    begun = time.monotonic()
    status, told, complaints = await commissioner(code.strip(), owner, password, tmp_path)
    measure.took(f"one device, {security}, by the commissioner: the whole journey", begun)
    assert status == 0, complaints
    for step in told[-1]["steps"]:
        measure.told(f"  {security}, {step['step']}: {step['ms']:.0f} ms")
    assert [one["code"] for one in told[-1]["deviations"]] == []
    assert (told[-1]["outcome"], told[-1]["security"]) == ("done", security)
    await program.event("commissioning", deadline=JOURNEY, stage="done")
    await stack.forget("hci3", (await stack.addresses())[CLIENT])
    await stack.forget(CLIENT, address)


async def commissioner(code, owner, password, home):
    """Runs `thingfleet commission` on the client's adapter; gives exit code, what it told, and its complaints."""
    process = await asyncio.create_subprocess_exec(
        *(str(programs.binary()), "commission", "--json", "--adapter", CLIENT, code, "--ssid", NETWORK[0]),
        *("--owner", owner, "--host", SETTINGS["host"], "--port", str(SETTINGS["port"]), "--ca-file", "/mnt/ca.crt"),
        env={
            **os.environ,
            "HOME": str(home),
            "THINGFLEET_PASSWORD": password,
            "THINGFLEET_WIFI_PASSWORD": NETWORK[1],
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(JOURNEY * 4):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


async def test_devices_queue_for_an_adapter(central, fleet, account, measure):
    program = await fleet("lamp", 2, ["hci2"])
    first = await program.event("bluetooth", state="advertising")
    await program.event("bluetooth", state="queued")
    async with central.connected(first["address"]) as client:
        await centrals.commission(client, *account(), SETTINGS["owner"], *NETWORK)
    since = program.mark()
    with measure("one adapter: the next device advertises after the first was commissioned"):
        second = await program.event("bluetooth", since, state="advertising")
    assert second["device"] != first["device"]
    assert second["adapter"] == "hci2"
    async with central.connected(second["address"]) as client:
        await centrals.commission(client, *account(), SETTINGS["owner"], *NETWORK)
    await program.event("commissioning", deadline=JOURNEY, device=second["device"], stage="done")
