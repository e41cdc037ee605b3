"""The guest's Bluetooth: virtual controllers, D-Bus and bluetoothd, each to be started and stopped on its own.

Devices and their client share one kernel and one bluetoothd here, and a virtual controller answers at once, which meets
two races that a radio's pace hides:

- bluetoothd (5.66, `att_connect_cb` in src/device.c) learns from one socket that a device connected, one message each
  time it looks, and gets the ATT channel by another. Both ends of a link have such a message waiting; if the channel
  overtakes the second one, "Connected" is never signalled, and a client that waits for that gives up.
- Linux (6.1, `mgmt_device_found`) drops reports of advertisements until the scan is noted as begun, and a controller
  that has reported all of them within that time is silent from then on.

So Bluetooth has a processor to itself, on which bluetoothd and the kernel go before the controllers: these say nothing
new until all of what they said has been taken in.
"""

import asyncio
import contextlib
import os
import shutil
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
PLUGGED = 5
DEADLINE = 40.0
BUS_SOCKET = Path("/run/dbus/system_bus_socket")
POLICY = Path("/etc/dbus-1/system.d/bluetooth.conf")
LOGS = Path("/tmp/stack")
# What a test is to leave behind goes here, if the host wants it (host.py).
KEPT = Path("/kept")
WORKERS = Path("/sys/devices/virtual/workqueue/cpumask")
CONFIGURATION = Path("/etc/bluetooth/main.conf")
# In dual mode this kernel stumbles after pairing with a virtual controller; DeviceID would be a second Device
# Information service; the device's half of bluetoothd would be a client of the phone's (ReverseServiceDiscovery), with
# more channels both ways (Channels); a client that keeps the table of one device would take it for the next on that
# adapter; and a long value has to come in pieces.
SETTINGS = """\
[General]
ControllerMode = le
DeviceID = false
ReverseServiceDiscovery = false
[GATT]
Cache = no
Channels = 1
ExchangeMTU = 64
"""


class Stack:
    """What a machine with Bluetooth has."""

    def __init__(self):
        self._running = {}
        self._bus = None
        *others, self._processor = sorted(os.sched_getaffinity(0))
        # The tests, and whatever they start.
        os.sched_setaffinity(0, others)
        LOGS.mkdir(exist_ok=True)

    async def start(self):
        """Starts all of it, and returns once every adapter is on."""
        self.start_bus()
        self.start_bluetoothd()
        await self.ready(0)
        await self.plug_in()

    async def plug_in(self):
        """Plugs the controllers in, and returns once every adapter is on.

        btvirt makes all of them before it answers for the first, which the kernel gives up on after two seconds and
        never shows. So btvirt goes before everybody until then, and where that was not enough they are plugged in anew.
        """
        # The kernel's work for an adapter is bound to what is written here when it appears.
        WORKERS.write_text(f"{1 << self._processor:x}")
        for attempt in range(PLUGGED):
            self._start("btvirt", f"-l{CONTROLLERS}", schedule=(os.SCHED_FIFO, 2))
            try:
                await self.ready(deadline=DEADLINE / 2)
            except AssertionError:
                if attempt == PLUGGED - 1:
                    raise
                self.end("btvirt")
                await self.ready(0)
            else:
                os.sched_setscheduler(self._running["btvirt"].pid, os.SCHED_IDLE, os.sched_param(0))
                return

    def start_bus(self):
        """Starts the system bus."""
        BUS_SOCKET.parent.mkdir(exist_ok=True)
        self._start("dbus-daemon", "--system", "--nofork", "--nopidfile")
        until("the bus listens", _bus_listens)

    def start_bluetoothd(self):
        """Starts bluetoothd; it is not ready at once."""
        CONFIGURATION.write_text(SETTINGS)
        detail = ["-d"] if KEPT.exists() else []
        self._start("/usr/libexec/bluetooth/bluetoothd", "-n", *detail, schedule=(os.SCHED_FIFO, 1))

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
        if KEPT.exists():
            shutil.copytree(LOGS, KEPT, dirs_exist_ok=True)

    async def ready(self, count=CONTROLLERS, deadline=DEADLINE):
        """Waits until bluetoothd has so many adapters and all are on."""

        async def all_on():
            adapters = await self._adapters()
            return len(adapters) == count and all(adapter["Powered"].value for adapter in adapters.values())

        await eventually(f"{count} adapters are on", all_on, deadline)

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

    async def part(self, adapter, address):
        """Ends a connection by letting an adapter forget the other side, and returns once both sides know."""
        await self.forget(adapter, address)

        async def nobody_connected():
            devices = (one["org.bluez.Device1"] for one in (await self._objects()).values() if "org.bluez.Device1" in one)
            return not any(device["Connected"].value for device in devices)

        await eventually("nobody is connected", nobody_connected)

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

    def _start(self, command, *arguments, schedule=None):
        """Starts a program; with a schedule (policy, priority) on the processor of Bluetooth."""

        def apart():
            if schedule:
                os.sched_setaffinity(0, {self._processor})
                os.sched_setscheduler(0, schedule[0], os.sched_param(schedule[1]))

        name = Path(command).name
        with open(LOGS / f"{name}.log", "ab") as log:
            self._running[name] = subprocess.Popen(
                [command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=apart
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
            self._bus = await connection()
        return await call(self._bus, path, interface, member, signature, body)


class Refused(Exception):
    """bluetoothd, or the bus in its place, refused a call."""


async def connection():
    """A connection to the system bus."""
    return await MessageBus(bus_type=BusType.SYSTEM).connect()


async def call(bus, path, interface, member, signature="", body=()):
    """Calls bluetoothd."""
    # The bus would start a bluetoothd that a test has stopped.
    message = Message(
        *("org.bluez", path, interface, member),
        flags=MessageFlag.NO_AUTOSTART,
        signature=signature,
        body=list(body),
    )
    reply = await bus.call(message)
    if reply.message_type == MessageType.ERROR:
        raise Refused(f"{member} on {path}: {reply.error_name}: {reply.body}")
    return reply.body


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
            why = ""
        except Refused as refused:
            why = f" ({refused})"
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}{why}")
        await asyncio.sleep(0.05)


def _bus_listens():
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(BUS_SOCKET)) == 0
