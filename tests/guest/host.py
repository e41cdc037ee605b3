"""The host's half of `make test-ble`: an XMPP server, an owner who mirrors, and the guest, as a machine in QEMU.

    host.py IMAGE PROGRAM [PYTEST ARGUMENTS]

The guest reaches the server by QEMU's user network, in which 10.0.2.2 is the host's loopback. Its tests come in a
folder that is shared read-only; their output is the guest's serial line, their result QEMU's exit code. With
THINGFLEET_GUEST_KEEP=DIRECTORY, bluetoothd tells in detail what it does, and its log is left there.
"""

import asyncio
import json
import logging
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "journeys"))

from people import PASSWORD, Person  # noqa: E402
from servers import Prosody  # noqa: E402

# Of the benchmark in the guest.
SAMPLES = int(os.environ.get("THINGFLEET_SAMPLES", 10))
ACCOUNTS = 24 + SAMPLES
HELLO = "Please mirror this message!"
# Of the whole guest; tests have deadlines of their own.
DEADLINE = 600.0
PROBE = 20.0
# How many times as long as on a real machine an emulated guest may take for what the program promises.
PATIENCE = 6
SUCCESS = 33


async def main(image, program, arguments):
    """Runs the guest's tests; gives the exit code."""
    # slixmpp leaves tasks behind when a client leaves.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    server = Prosody()
    share = Path(tempfile.mkdtemp(prefix="thingfleet-guest-"))
    try:
        server.start()
        owner = Mirror(server, "juliet")
        await owner.enter()
        accounts = [await register(server, f"device-{number}") for number in range(ACCOUNTS)]
        accelerator = await accelerators(image)
        patience = 1 if "kvm" in accelerator else PATIENCE
        told = {"owner": owner.bare, "accounts": accounts, "patience": patience, "samples": SAMPLES}
        furnish(share, server, program, arguments, **told)
        return await boot(image, share, accelerator)
    finally:
        server.close()
        shutil.rmtree(share, ignore_errors=True)


class Mirror(Person):
    """An owner who answers each greeting with the same words."""

    def _keep(self, stanza):
        if stanza.name == "message" and HELLO in (stanza["body"] or ""):
            self.write(stanza["from"].bare, stanza["body"])
        return super()._keep(stanza)


async def register(server, name):
    """Registers a device's account, which is the client's part, and gives its JID."""
    person = Person(server, name)
    await person.enter(available=False)
    await person.leave()
    return person.bare


def furnish(share, server, program, arguments, **settings):
    """Puts into the shared folder what the guest needs."""
    shutil.copytree(HERE / "suite", share / "suite", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE.parent / "journeys" / "program.py", share / "suite")
    shutil.copytree(ROOT / "devices", share / "devices")
    shutil.copy(program, share / "thingfleet")
    shutil.copy(server.ca_file, share / "ca.crt")
    settings |= {"domain": server.domain, "host": "10.0.2.2", "port": server.port, "password": PASSWORD}
    (share / "settings.json").write_text(json.dumps(settings))
    # From memory, as a program on a disk: the shared folder is slow to page from.
    (share / "tests").write_text(
        "mkdir /kept && mount -t 9p -o trans=virtio,version=9p2000.L kept /kept 2>/dev/null || rmdir /kept\n"
        "cp /mnt/thingfleet /tmp/ && cp -r /mnt/suite /tmp/ && cd /tmp/suite\n"
        f"THINGFLEET_BIN=/tmp/thingfleet exec python3 -m pytest {shlex.join(arguments)}\n"
    )
    for path in [share, *share.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))


async def boot(image, share, accelerator):
    """Boots the guest, shows what it prints, and gives the exit code of its tests."""
    print(f"host: guest on {accelerator[1]}", flush=True)
    process = await asyncio.create_subprocess_exec(
        *machine(accelerator),
        *("-smp", "2", "-m", "1536", "-serial", "stdio"),
        *("-kernel", image / "vmlinuz", "-initrd", image / "initramfs"),
        *("-append", "console=ttyS0 quiet panic=-1 mitigations=off"),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
        *("-device", "virtio-rng-pci"),
        *("-fsdev", f"local,id=share,path={share},security_model=none,readonly=on"),
        *("-device", "virtio-9p-pci,fsdev=share,mount_tag=share"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
        *keeping(),
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(DEADLINE):
            code = await process.wait()
    except TimeoutError:
        print(f"host: the guest still runs after {DEADLINE} s", flush=True)
        code = None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return 0 if code == SUCCESS else 1


def keeping():
    """A folder that the guest may write to, if somebody wants its logs."""
    if not (directory := os.environ.get("THINGFLEET_GUEST_KEEP")):
        return ()
    Path(directory).mkdir(parents=True, exist_ok=True)
    return (
        *("-fsdev", f"local,id=kept,path={directory},security_model=none"),
        *("-device", "virtio-9p-pci,fsdev=kept,mount_tag=kept"),
    )


async def accelerators(image):
    """KVM where it really works, software emulation otherwise.

    A device file is no proof (nested virtualisation may be broken), so a kernel without a root has to come to its
    panic under KVM, after which QEMU ends.
    """
    emulated = ("-accel", "tcg,thread=multi", "-cpu", "max")
    if os.environ.get("THINGFLEET_ACCEL") == "tcg" or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return emulated
    native = ("-accel", "kvm", "-cpu", "host")
    probe = await asyncio.create_subprocess_exec(
        *machine(native),
        *("-m", "256", "-kernel", image / "vmlinuz", "-append", "quiet panic=-1"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PROBE):
            code = await probe.wait()
    except TimeoutError:
        code = None
    finally:
        if probe.returncode is None:
            probe.kill()
            await probe.wait()
    return native if code == 0 else emulated


def machine(accelerator):
    """What every machine here has in common: no devices but those that are asked for."""
    return (
        *("qemu-system-x86_64", "-M", "q35", *accelerator),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])))
