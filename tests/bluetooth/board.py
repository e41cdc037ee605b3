"""A board that nobody here wrote the Bluetooth of: Bumble as a peripheral, with the layout of the reference firmware.

It takes short packets only, so that whoever writes to it needs long writes, and it can be told to be odd.
"""

import asyncio

from bumble import hci
from bumble.att import AttributeValue
from bumble.core import UUID, AdvertisingData
from bumble.device import AdvertisingType, Device, LegacyAdvertiser
from bumble.gatt import Characteristic, Service
from bumble.host import Host
from bumble.transport.common import AsyncPipeSink

from phone import (
    COMPLETION,
    HARDWARE,
    JID,
    JID_PASSWORD,
    JID_SENDER,
    LANGUAGE,
    MANUFACTURER,
    NETWORK_PASSWORD,
    PROVISIONING,
    SERIAL,
    SETUP_DONE,
    SOFTWARE,
    SSID,
)

ADDRESS = "F3:00:00:00:00:01"
LEAST_MTU = 23
# Between two advertisements, in ms; Bumble's own second would be waited for twice.
INTERVAL = 100


class Board:
    """A peripheral that keeps what is written to it."""

    def __init__(self, air, name="Board", *, odd=False):
        controller = air.controller()
        host = Host(controller, AsyncPipeSink(controller))
        self._device = Device(name=name, address=hci.Address(ADDRESS), host=host)
        self._device.gatt_server.max_mtu = LEAST_MTU
        self._device.advertising_interval_min = self._device.advertising_interval_max = INTERVAL
        self.written = {}
        self.done = asyncio.Event()
        readable = Characteristic.Properties.READ | Characteristic.Properties.NOTIFY
        information = {
            LANGUAGE: b"en",
            HARDWARE: b"" if odd else b"1.0",
            SOFTWARE: b"2.0",
            SERIAL: b"SN-1",
            MANUFACTURER: "Müller".encode() if odd else b"Espressif",
        }
        self._device.add_service(
            Service(
                UUID("180A"),
                [
                    Characteristic(UUID(uuid), readable, Characteristic.READABLE, value)
                    for uuid, value in information.items()
                ],
            )
        )
        credentials = [SSID, NETWORK_PASSWORD, JID, JID_PASSWORD, JID_SENDER]
        self._device.add_service(
            Service(UUID(PROVISIONING), [self._writable(uuid, readable=odd) for uuid in credentials])
        )
        self._device.add_service(Service(UUID(COMPLETION), [self._writable(SETUP_DONE)]))
        self._name = None if odd else name

    def _writable(self, uuid, readable=False):
        properties = Characteristic.Properties.WRITE
        permissions = Characteristic.WRITEABLE
        if readable:
            properties |= Characteristic.Properties.READ
            permissions |= Characteristic.READABLE
        value = AttributeValue(read=lambda _: b"", write=lambda _, value: self._write(uuid, value))
        return Characteristic(UUID(uuid), properties, permissions, value)

    def _write(self, uuid, value):
        self.written[uuid] = bytes(value)
        if uuid == SETUP_DONE:
            self.done.set()

    async def switch_on(self):
        """Begins to advertise."""
        await self._device.power_on()
        structures = [(AdvertisingData.FLAGS, bytes([0x06]))]
        if self._name:
            uuid = bytes(UUID(PROVISIONING))
            structures.append((AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, uuid))
            self._device.scan_response_data = bytes(
                AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, self._name.encode())])
            )
        self._device.advertising_data = bytes(AdvertisingData(structures))
        # As a chip without extended advertising: Bumble would take that, and the air has only the old kind.
        self._device.legacy_advertiser = LegacyAdvertiser(
            self._device,
            AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
            hci.OwnAddressType.RANDOM,
            hci.Address.ANY,
            auto_restart=False,
        )
        await self._device.legacy_advertiser.start()
        return self

    async def leave(self):
        """Ends the connection, as after Setup Done."""
        for connection in list(self._device.connections.values()):
            await connection.disconnect()
