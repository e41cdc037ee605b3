#!/usr/bin/env python3
"""What a whole device costs as firmware: time to its first value, instructions, memory, and the parts of its image.

The image runs on QEMU's riscv32 machine with the instruction set of the ESP32-C3 and counts one nanosecond an
instruction (`-icount shift=0`), so that instructions are exact and do not depend on this machine. docs/PERFORMANCE.md
says what they mean for a chip.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/firmware", "tests/bluetooth", "tests/journeys", "scripts")]

import machines  # noqa: E402
import servers  # noqa: E402
from air import Air  # noqa: E402
from clock import Clock  # noqa: E402
from people import Person  # noqa: E402
from phone import Phone  # noqa: E402

COUNTED = ("-icount", "shift=0,sleep=on")
PUBLISHES = 20

# Where symbols belong, by the first words that occur in their names.
PARTS = (
    ("TLS (Mbed TLS and its Rust side)", ("mbedtls", "psa_", "x509", "tf_psa", "thingfleet_tls", "builtin_")),
    ("device", ("thingfleet_device",)),
    ("Bluetooth (trouble-host, link)", ("trouble_host", "bt_hci", "p256", "elliptic_curve", "primeorder", "cmac")),
    ("XMPP stream (link)", ("thingfleet_link::xmpp", "rxml", "compact_str", "hmac", "sha1", "sha2")),
    ("network stack", ("smoltcp", "embassy_net", "thingfleet_net", "managed")),
    ("sealed values", ("curve25519", "crypto_box", "crypto_secretbox", "salsa20", "poly1305", "blake2")),
    ("body and store (app)", ("thingfleet_firmware", "sequential_storage", "postcard")),
    ("machine (virt)", ("thingfleet_virt", "virtio_drivers", "embassy_executor", "device::", "riscv_rt")),
    ("link, without stream", ("thingfleet_link",)),
    ("floating point and integers", ("compiler_builtins", "libm")),
    ("core and alloc", ("core::", "alloc::", "<core", "<alloc", "memcpy", "memset", "memmove", "memcmp")),
)


def parts():
    """Bytes of code and read-only data by part, from the image's symbols; what has no symbol is the rest."""
    image = machines.PROGRAM
    names = subprocess.run(["nm", "-S", "-C", str(image)], capture_output=True, text=True, check=True).stdout
    whole = subprocess.run(["size", str(image)], capture_output=True, text=True, check=True).stdout.split("\n")[1].split()
    sizes, seen = Counter(), set()
    for line in names.splitlines():
        found = re.match(r"([0-9a-f]+) ([0-9a-f]+) [tTrRdDwWvV] (.*)", line)
        if found is None or found[1] in seen:
            continue
        seen.add(found[1])
        sizes[part_of(found[3])] += int(found[2], 16)
    text_and_data = int(whole[0]) + int(whole[1])
    sizes["texts, tables and what has no name"] += text_and_data - sum(sizes.values())
    return text_and_data, sizes


def part_of(symbol):
    """The part that a symbol belongs to."""
    for part, words in PARTS:
        if any(word in symbol for word in words):
            return part
    return "the rest"


async def cost(chip):
    """Instructions so far, bytes of heap now, and at most since it was asked last."""
    seen = chip.mark()
    await chip.press("cost")
    return tuple(int(number) for number in (await chip.says("cost ", seen)).split()[1:])


async def published(chip, count, since):
    """Waits until so many values are acknowledged."""
    for _ in range(count):
        await chip.says("Published", since, deadline=60)
        since = next(place for place in range(since, len(chip.said)) if "Published" in chip.said[place]) + 1


async def measure():
    """Commissions a device, starts it again, and counts."""
    server = servers.Prosody()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as directory:
            async with Air(port=0) as air:
                clock = await Clock().start()
                owner = await Person(server, "juliet").enter()
                chip = machines.Machine(directory, server, air, clock, options=COUNTED)
                await chip.switch_on()
                await chip.says("led Blue")
                jid = await machines.commission(chip, await Phone(air).switch_on(), server, owner, "chip")
                await chip.says("led Green", deadline=60)
                await owner.befriend(jid)
                _, _, commissioned = await cost(chip)
                await chip.switch_off()
                begun, seen = time.perf_counter(), chip.mark()
                await chip.switch_on()
                await published(chip, 1, seen)
                first = time.perf_counter() - begun
                handshake = int((await chip.says("handshake ", seen)).split()[1])
                # Water that gets warm has something to say.
                await owner.actuate(jid, "powerOn", "1")
                await chip.says("Actuated", seen)
                boot, _, peak = await cost(chip)
                seen = chip.mark()
                await published(chip, PUBLISHES, seen)
                later, used, steady = await cost(chip)
                await chip.switch_off()
                await owner.leave()
                clock.stop()
    finally:
        server.close()
    return {
        "boot to first value, in the emulator (s)": first,
        "boot to first value and first click (million instructions)": boot / 1e6,
        "TLS handshake (million instructions)": handshake / 1e6,
        "a value, with all that goes on meanwhile (million instructions)": (later - boot) / PUBLISHES / 1e6,
        "heap at most, while it is commissioned (KiB)": commissioned / 1024,
        "heap at most, from boot to first value (KiB)": peak / 1024,
        "heap at most, online (KiB)": steady / 1024,
        "heap, online (KiB)": used / 1024,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    figures = asyncio.run(measure())
    whole, sizes = parts()
    figures["image (KiB)"] = whole / 1024
    figures |= {f"of it {part} (KiB)": size / 1024 for part, size in sizes.most_common()}
    if arguments.json:
        print(json.dumps(figures))
        return
    print("firmware, on QEMU with the ESP32-C3's instruction set")
    for what, figure in figures.items():
        print(f"  {what:66} {figure:10.1f}")


if __name__ == "__main__":
    main()
