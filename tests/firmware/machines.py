"""The firmware's program on QEMU's riscv32 machine, with the instruction set of the ESP32-C3, and a flash with a device in
it, as thingfleet-pack makes one.

Its serial line says what its panel shows, and takes what a person does there.
"""

import asyncio
import os
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs

from fleets import DONE, HELLO, credentials, register
from phone import SETUP_DONE
from seal import sealer

ROOT = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# Where scripts/firmware.sh leaves the program, and cargo what puts a device together.
PROGRAM = TARGET / "riscv" / "riscv32imc-unknown-none-elf" / "release" / "device"
PACK = TARGET / "debug" / "thingfleet-pack"

DEADLINE = 60.0
# Of the flash: what the device keeps, and which one it is (firmware/virt/src/bin/device.rs).
STORE, DEVICE = 0x4000, 0x10000
# When the devices were made, in seconds since 1970: a week ago.
MADE = int(time.time()) - 7 * 86_400


class Machine:
    """A machine that can be switched off and on; its flash stays. `address` and `seal` are what its label says."""

    def __init__(self, directory, server, air, clock, ca_file=None, device="kettle", options=()):
        self.flash = Path(directory) / "flash.bin"
        self._air = air
        self.clock = clock
        self._options = options
        kept = self.flash.read_bytes()[:STORE] if self.flash.exists() else b"\xff" * STORE
        label, made = pack(directory, device, server, clock, ca_file or server.ca_file)
        self.flash.write_bytes(kept + made.ljust(DEVICE, b"\xff"))
        self.address = label["mac"]
        self.seal = sealer(label["key"])
        self._process = None
        self._reading = None
        self._news = asyncio.Condition()
        self.said = []

    async def switch_on(self):
        """Gives it power."""
        bluetooth = f"socket,id=air,host=127.0.0.1,port={self._air.port}"
        self._process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "TERM"),
            *("qemu-system-riscv32", "-M", "virt", "-cpu", "rv32,a=off,f=off,d=off", "-m", "16M", "-bios", "none"),
            *("-display", "none", "-monitor", "none", "-serial", "stdio"),
            *("-global", "virtio-mmio.force-legacy=false"),
            *("-netdev", "user,id=lan", "-device", "virtio-net-device,netdev=lan"),
            *("-chardev", bluetooth, "-device", "virtio-serial-device,max_ports=1"),
            *("-device", "virtconsole,chardev=air", "-device", "virtio-rng-device"),
            *("-drive", f"if=none,id=flash,format=raw,file={self.flash}", "-device", "virtio-blk-device,drive=flash"),
            *self._options,
            *("-kernel", str(PROGRAM)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def switch_off(self):
        """Cuts its power."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading
        self._process = None

    async def press(self, what):
        """Does what a person can do at its panel: `press`, `release`, `stop`; or has it `panic`."""
        self._process.stdin.write(f"{what}\n".encode())
        await self._process.stdin.drain()

    async def stopped(self, deadline=DEADLINE):
        """Waits until it has ended by itself, and gives its status."""
        async with asyncio.timeout(deadline):
            return await self._process.wait()

    def mark(self):
        """The present end of what it said, to look only at what comes later."""
        return len(self.said)

    async def says(self, text, since=0, deadline=DEADLINE):
        """Waits for a line with this in it."""
        seen = since
        try:
            async with asyncio.timeout(deadline):
                async with self._news:
                    while True:
                        while seen < len(self.said):
                            if text in self.said[seen]:
                                return self.said[seen]
                            seen += 1
                        await self._news.wait()
        except TimeoutError:
            lines = "\n".join(self.said[since:])
            raise AssertionError(f"not within {deadline} s: {text}\nit said:\n{lines}") from None

    async def _read(self):
        async for line in self._process.stdout:
            async with self._news:
                self.said.append(line.decode(errors="replace").rstrip())
                self._news.notify_all()


def pack(directory, device, server, clock, authority):
    """Makes a device of the catalogue for the machine: what its label says, and what lies in its flash."""
    done = subprocess.run(
        [
            *(PACK, ROOT / "devices" / f"{device}.yaml", "--chip", "virt", "--name", "chip", "--out", directory),
            *("--authority", authority, "--server", f"10.0.2.2:{server.port}"),
            *("--time-server", f"10.0.2.2:{clock.port}"),
        ],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(MADE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    label = done.stdout.partition("label: xmpp:iot-register?")[2].strip()
    return {name: value for name, [value] in parse_qs(label).items()}, (Path(directory) / "chip-virt.device.bin").read_bytes()


async def commission(chip, phone, server, owner, name, pair=False, seal=lambda _, value: value):
    """The client's part: find, connect, register, write, send the greeting back. Gives the device's JID."""
    await phone.scan(chip.address)
    client = await phone.connect(chip.address)
    if pair:
        await client.pair()
    jid = f"{name}@{server.domain}"
    await register(server, name)
    since = owner.inbox.mark()
    for uuid, value in credentials(jid, owner.bare):
        await client.write(uuid, seal(uuid, value))
    await client.write(SETUP_DONE, b"\x01")
    await client.sent_away()
    assert await owner.heard(jid, since) == HELLO
    owner.write(jid, HELLO)
    await owner.heard(jid, since, containing=DONE)
    return jid
