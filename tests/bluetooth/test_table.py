"""What a client finds before it writes: the advertisement, and the table of the thesis."""

import phone as gatt
import pytest
from bumble.core import AdvertisingData

WRITTEN = [gatt.SSID, gatt.NETWORK_PASSWORD, gatt.JID, gatt.JID_PASSWORD, gatt.JID_SENDER]
INFORMATION = [gatt.LANGUAGE, gatt.HARDWARE, gatt.SOFTWARE, gatt.SERIAL, gatt.MANUFACTURER]


async def test_the_advertisement_says_who_and_how_within_31_bytes(fleet, phone):
    things = await fleet(title="A name of twenty-nine bytes..", security="encrypted")
    seen = await phone.scan(await things.advertising())
    data = {kind: bytes(value) for kind, value in seen.data.ad_structures}
    # Bumble puts what is advertised and what a scan is answered together.
    name = data.pop(AdvertisingData.Type.COMPLETE_LOCAL_NAME)
    assert name == b"A name of twenty-nine bytes.."
    assert sum(len(value) + 2 for value in data.values()) == 31
    assert data[AdvertisingData.Type.FLAGS] == b"\x06"
    assert data[AdvertisingData.Type.MANUFACTURER_SPECIFIC_DATA] == b"\xff\xff\x01\x01"
    services = data[AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS]
    assert services[::-1].hex() == gatt.PROVISIONING.replace("-", "")


async def test_the_table_is_the_one_of_the_thesis(fleet, phone):
    things = await fleet()
    client = await phone.connect(await things.advertising())
    assert client.services() == ["1800", "1801", "180A", gatt.PROVISIONING]
    assert [uuid for uuid, _ in client.characteristics("180A")] == INFORMATION
    assert [uuid for uuid, _ in client.characteristics(gatt.PROVISIONING)] == [*WRITTEN, gatt.SETUP_DONE]
    assert await client.read(gatt.DEVICE_NAME) == "Thing in a box"
    assert await client.read_bytes(gatt.APPEARANCE) == b"\x08\x09"
    [device] = things.names
    assert [await client.read(uuid) for uuid in INFORMATION] == ["en", "1.2", "3.4", device, "Journeys"]


async def test_setup_done_can_be_in_a_service_of_its_own_as_in_the_reference_firmware(fleet, phone):
    things = await fleet(setup_done="own-service")
    client = await phone.connect(await things.advertising())
    assert [uuid for uuid, _ in client.characteristics(gatt.PROVISIONING)] == WRITTEN
    assert [uuid for uuid, _ in client.characteristics(gatt.COMPLETION)] == [gatt.SETUP_DONE]


@pytest.mark.parametrize("setup_done", ["same-service", "own-service"])
async def test_no_uuid_is_there_twice(fleet, phone, setup_done):
    things = await fleet(setup_done=setup_done)
    client = await phone.connect(await things.advertising())
    uuids = client.services() + [uuid for uuid, _ in client.characteristics()]
    assert len(uuids) == len(set(uuids))


async def test_the_information_can_be_subscribed_to_where_the_definition_says_so(fleet, phone):
    things = await fleet(notify=True)
    client = await phone.connect(await things.advertising())
    serial = client.characteristic(gatt.SERIAL)
    await serial.discover_descriptors()
    await serial.subscribe(lambda _value: None)
    [descriptor] = serial.descriptors
    assert bytes(await descriptor.read_value()) == b"\x01\x00"


async def test_what_is_written_cannot_be_read_and_the_other_way_round(fleet, phone):
    things = await fleet()
    client = await phone.connect(await things.advertising())
    opcode, code = await client.request(bytes([0x0A]) + client.handle(gatt.JID_PASSWORD).to_bytes(2, "little"))
    assert (opcode, code) == (0x0A, 0x02)
    with pytest.raises(gatt.Refused) as refused:
        await client.write(gatt.SERIAL, "0000")
    assert refused.value.code == 0x03
