"""The guest's Bluetooth: virtual controllers, D-Bus and bluetoothd, each to be started and stopped on its own."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

from dbus_fast import BusType, Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

# Eight for devices, and one for the client.
DEVICES = [f"hci{number}" for number in range(8)]
CLIENT = "hci8"
CONTROLLERS = len(DEVICES) + 1
DEADLINE = 20.0
BUS_SOCKET = Path("/run/dbus/system_bus_socket")
POLICY = Path("/etc/dbus-1/system.d/bluetooth.conf")
LOGS = Path("/tmp/stack")


class Stack:
    """What a machine with Bluetooth has."""

    def __init__(self):
        self._running = {}
        self._bus = None
        LOGS.mkdir(exist_ok=True)

    async def start(self):
        """Starts all of it, and returns once every adapter is on."""
        self.start_controllers()
        self.start_bus()
        self.start_bluetoothd()
        await self.ready()

    def start_controllers(self):
        """Plugs the controllers in."""
        self._start("btvirt", f"-l{CONTROLLERS}")

    def start_bus(self):
        """Starts the system bus."""
        BUS_SOCKET.parent.mkdir(exist_ok=True)
        self._start("dbus-daemon", "--system", "--nofork", "--nopidfile")
        until("the bus listens", _bus_listens)

    def start_bluetoothd(self):
        """Starts bluetoothd; it is not ready at once."""
        self._start("/usr/libexec/bluetooth/bluetoothd", "-n")

    def end(self, name, how=signal.SIGKILL):
        """Ends one of them, as a crash does unless told otherwise."""
        process = self._running.pop(name)
        process.send_signal(how)
        process.wait(DEADLINE)

    def signal(self, name, what):
        """Sends a signal to one of them."""
        self._running[name].send_signal(what)

    def close(self):
        """Ends all of it."""
        for name in list(self._running):
            self.end(name)

    async def ready(self, count=CONTROLLERS):
        """Waits until bluetoothd has so many adapters and all are on."""

        async def all_on():
            adapters = await self._adapters()
            return len(adapters) == count and all(adapter["Powered"].value for adapter in adapters.values())

        await eventually(f"{count} adapters are on", all_on)

    async def addresses(self):
        """The address of each adapter by its name."""
        return {name: adapter["Address"].value for name, adapter in (await self._adapters()).items()}

    async def alias(self, adapter):
        """What an adapter is called."""
        return (await self._adapters())[adapter]["Alias"].value

    async def power(self, adapter, on):
        """Turns an adapter on or off, as a person does."""
        await self._call(
            f"/org/bluez/{adapter}",
            "org.freedesktop.DBus.Properties",
            "Set",
            "ssv",
            ["org.bluez.Adapter1", "Powered", Variant("b", on)],
        )

    async def forget(self, adapter, address):
        """Lets an adapter forget a device with its bond, which ends a connection at once."""
        path = f"/org/bluez/{adapter}/dev_{address.replace(':', '_')}"
        with contextlib.suppress(Refused):  # bluetoothd has done so by itself
            await self._call(f"/org/bluez/{adapter}", "org.bluez.Adapter1", "RemoveDevice", "o", [path])

    async def device(self, adapter, address):
        """What an adapter knows of a device: its properties."""
        path = f"/org/bluez/{adapter}/dev_{address.replace(':', '_')}"
        return (await self._objects()).get(path, {}).get("org.bluez.Device1", {})

    def reload_policy(self):
        """Lets the bus read its configuration anew."""
        self.signal("dbus-daemon", signal.SIGHUP)

    def logs(self):
        """The end of what each has written."""
        parts = []
        for log in LOGS.iterdir():
            process = self._running.get(log.stem)
            state = "was ended" if process is None else f"exit code {process.poll()}"
            parts.append(f"--- {log.name}, {state}\n{log.read_text(errors='replace')[-1500:]}")
        return "\n".join(parts)

    def _start(self, command, *arguments):
        name = Path(command).name
        with open(LOGS / f"{name}.log", "ab") as log:
            self._running[name] = subprocess.Popen(
                [command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    async def _adapters(self):
        return {
            path.rsplit("/", 1)[1]: interfaces["org.bluez.Adapter1"]
            for path, interfaces in (await self._objects()).items()
            if "org.bluez.Adapter1" in interfaces
        }

    async def _objects(self):
        return (await self._call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"))[0]

    async def _call(self, path, interface, member, signature="", body=()):
        if self._bus is None:
            self._bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        # The bus would start a bluetoothd that a test has stopped.
        message = Message(
            *("org.bluez", path, interface, member),
            flags=MessageFlag.NO_AUTOSTART,
            signature=signature,
            body=list(body),
        )
        reply = await self._bus.call(message)
        if reply.message_type == MessageType.ERROR:
            raise Refused(f"{member} on {path}: {reply.error_name}: {reply.body}")
        return reply.body


class Refused(Exception):
    """bluetoothd, or the bus in its place, refused a call."""


def until(what, holds, deadline=DEADLINE):
    """Waits for a condition that a process outside brings about."""
    end = time.monotonic() + deadline
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        time.sleep(0.02)


async def eventually(what, holds, deadline=DEADLINE):
    """The same for a condition that is asked for over D-Bus; a refusal means not yet."""
    end = time.monotonic() + deadline
    why = ""
    while True:
        try:
            if await holds():
                return
        except Refused as refused:
            why = f" ({refused})"
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}{why}")
        await asyncio.sleep(0.05)


def _bus_listens():
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(BUS_SOCKET)) == 0
