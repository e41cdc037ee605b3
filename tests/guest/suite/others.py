"""Other programs on the same bluetoothd: one that advertises on an adapter too, and one that refuses every pairing."""

import contextlib

from dbus_fast import DBusError, PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from stack import call, connection

PATH = "/another/program"


@contextlib.asynccontextmanager
async def advertising(adapter):
    """Another program advertises on an adapter."""
    manager = (f"/org/bluez/{adapter}", "org.bluez.LEAdvertisingManager1")
    async with _program(Advertisement()) as bus:
        await call(bus, *manager, "RegisterAdvertisement", "oa{sv}", [PATH, {}])
        yield
        await call(bus, *manager, "UnregisterAdvertisement", "o", [PATH])


@contextlib.asynccontextmanager
async def refusing():
    """Another program's agent is asked first about every pairing, and says no."""
    manager = ("/org/bluez", "org.bluez.AgentManager1")
    async with _program(Agent()) as bus:
        await call(bus, *manager, "RegisterAgent", "os", [PATH, "NoInputNoOutput"])
        await call(bus, *manager, "RequestDefaultAgent", "o", [PATH])
        yield
        await call(bus, *manager, "UnregisterAgent", "o", [PATH])


@contextlib.asynccontextmanager
async def _program(interface):
    bus = await connection()
    bus.export(PATH, interface)
    try:
        yield bus
    finally:
        bus.disconnect()


class Advertisement(ServiceInterface):
    """An advertisement that says nothing."""

    def __init__(self):
        super().__init__("org.bluez.LEAdvertisement1")

    @dbus_property(access=PropertyAccess.READ)
    def Type(self) -> "s":  # noqa: N802, F821
        return "peripheral"

    @dbus_method()
    def Release(self):  # noqa: N802
        """bluetoothd has dropped it."""


class Agent(ServiceInterface):
    """An agent that refuses."""

    def __init__(self):
        super().__init__("org.bluez.Agent1")

    @dbus_method()
    def RequestAuthorization(self, device: "o"):  # noqa: N802, F821
        raise DBusError("org.bluez.Error.Rejected", "no")

    @dbus_method()
    def Cancel(self):  # noqa: N802
        """bluetoothd does not want an answer any more."""

    @dbus_method()
    def Release(self):  # noqa: N802
        """bluetoothd has dropped it."""
