"""The firmware's image on QEMU's riscv32 machine, with the instruction set of the ESP32-C3.

Its serial line says what its panel shows, and takes what a person does there.
"""

import asyncio
import base64
import os
from pathlib import Path

from fleets import DONE, HELLO, credentials, register
from nacl.signing import SigningKey
from phone import SETUP_DONE
from seal import sealer

DEADLINE = 60.0
ADDRESS = "F2:00:00:00:00:01"
FLASH = 4 * 4096
KEY = SigningKey(bytes([7]) * 32)


def image():
    """Where scripts/firmware.sh leaves the image."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target"))
    return target / "riscv" / "riscv32imc-unknown-none-elf" / "release" / "device"


class Machine:
    """A machine that can be switched off and on; its flash stays."""

    def __init__(self, directory, server, air, clock, ca_file=None, security="open", options=()):
        self.flash = Path(directory) / "flash.bin"
        if not self.flash.exists():
            self.flash.write_bytes(b"\xff" * FLASH)
        self._server = server
        self._air = air
        self._ca_file = ca_file or server.ca_file
        self.clock = clock
        self._security = security
        self._options = options
        self._process = None
        self._reading = None
        self._news = asyncio.Condition()
        self.said = []

    async def switch_on(self):
        """Gives it power."""
        settings = self.flash.with_name("settings")
        told = (f"server 10.0.2.2:{self._server.port}", f"time 10.0.2.2:{self.clock.port}", f"security {self._security}")
        settings.write_text("\n".join((*told, Path(self._ca_file).read_text())))
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
            *("-device", f"loader,file={settings},addr=0x80800000,force-raw=on"),
            *self._options,
            *("-kernel", str(image())),
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


def seal(uuid, value):
    """Seals a value to the machine's key."""
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", bytes(KEY.verify_key)))
    return sealer(base64.b64encode(blob).decode())(uuid, value)


async def commission(chip, phone, server, owner, name, pair=False, seal=lambda _, value: value):
    """The client's part: find, connect, register, write, send the greeting back. Gives the device's JID."""
    await phone.scan(ADDRESS)
    client = await phone.connect(ADDRESS)
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
