"""The client's part, played by bleak: nobody here wrote it, and it knows nothing of the program under test."""

import asyncio
import contextlib
import time

from bleak import BleakClient, BleakScanner

INFORMATION = "0000180a-0000-1000-8000-00805f9b34fb"
PROVISIONING = "00000001-0000-0000-0000-000000000001"
LANGUAGE, HARDWARE, SOFTWARE, SERIAL, MANUFACTURER = (
    f"0000{short:04x}-0000-1000-8000-00805f9b34fb" for short in (0x2AA2, 0x2A27, 0x2A28, 0x2A25, 0x2A29)
)
SSID, NETWORK_PASSWORD, JID, JID_PASSWORD, JID_SENDER, SETUP_DONE = (
    f"{number:08x}-0000-0000-0000-000000000002" for number in range(1, 7)
)
# btvirt reports an advertisement when a scan or the advertisement begins, so a longer one shows nothing more.
SCAN = 1.0
DEADLINE = 45.0


class Central:
    """A phone. One connection at a time in all the air: stock btvirt gives data the sender's handle, which is another's
    where the two ends have different numbers of links."""

    def __init__(self, stack, adapter):
        self.adapter = adapter
        self._stack = stack
        self._bluez = {"adapter": adapter}
        self._air = asyncio.Lock()

    async def find(self, *addresses, deadline=DEADLINE):
        """Scans until all of these were seen; gives (device, advertisement) of each in that order."""
        seen = {}
        everybody = asyncio.Event()

        def report(device, advertisement):
            seen[device.address] = (device, advertisement)
            if all(address in seen for address in addresses):
                everybody.set()

        end = time.monotonic() + deadline
        while not everybody.is_set():
            assert time.monotonic() < end, f"not found within {deadline} s: {set(addresses) - set(seen)}"
            # bleak is silent on what bluetoothd knows already.
            for address in set(addresses) - set(seen):
                await self._stack.forget(self.adapter, address)
            async with BleakScanner(report, bluez=self._bluez):
                try:
                    async with asyncio.timeout(SCAN):
                        await everybody.wait()
                except TimeoutError:
                    pass
        return [seen[address] for address in addresses]

    @contextlib.asynccontextmanager
    async def connected(self, address):
        """Finds and connects to a device; in the end both sides have forgotten the link."""
        async with self._air:
            ((device, _),) = await self.find(address)
            client = BleakClient(device, timeout=DEADLINE, bluez=self._bluez)
            try:
                await client.connect()
                found = [service.uuid for service in client.services]
                assert client.services.get_characteristic(SETUP_DONE), f"only a part of the services: {found}"
                yield client
            finally:
                await self._stack.part(self.adapter, address)


async def commission(client, jid, password, owner, ssid, network_password):
    """Writes everything, in the reference client's order."""
    for characteristic, value in [
        (JID, jid),
        (JID_PASSWORD, password),
        (JID_SENDER, owner),
        (SSID, ssid),
        (NETWORK_PASSWORD, network_password),
    ]:
        await client.write_gatt_char(characteristic, value.encode(), response=True)
    await client.write_gatt_char(SETUP_DONE, b"\x01", response=True)
