"""The firmware's image on QEMU's riscv32 machine, with the instruction set of the ESP32-C3.

Its serial line says what its panel shows, and takes what a person does there.
"""

import asyncio
import os
from pathlib import Path

DEADLINE = 20.0
ADDRESS = "F2:00:00:00:00:01"
FLASH = 4 * 4096


def image():
    """Where scripts/firmware.sh leaves the image."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target"))
    return target / "riscv" / "riscv32imc-unknown-none-elf" / "release" / "device"


class Machine:
    """A machine that can be switched off and on; its flash stays."""

    def __init__(self, directory, server, air, ca_file=None, date=None):
        self.flash = Path(directory) / "flash.bin"
        if not self.flash.exists():
            self.flash.write_bytes(b"\xff" * FLASH)
        self._server = server
        self._air = air
        self._ca_file = ca_file or server.ca_file
        self._date = date
        self._process = None
        self._reading = None
        self._news = asyncio.Condition()
        self.said = []

    async def switch_on(self):
        """Gives it power."""
        settings = self.flash.with_name("settings")
        settings.write_text(f"10.0.2.2:{self._server.port}\n{Path(self._ca_file).read_text()}")
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
            *(("-rtc", f"base={self._date}") if self._date else ()),
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
        """Does what a person can do at its panel: `press`, `release`, `stop`."""
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
