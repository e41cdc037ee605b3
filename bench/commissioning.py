#!/usr/bin/env python3
"""How long commissioning takes over virtual Bluetooth: the median of each step, for one device and for eight at once.

The program is measured on both sides, as two processes on an air of scripts/air.py that ends on a private XMPP server.
Beside it, in the same run, stands a lower bound: Bumble as the client, which goes through the same GATT operations with
the same devices and does nothing else. Virtual controllers have no connection interval, so the figures are those of
the software; on a real radio each read and write costs up to two intervals more.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/bluetooth", "tests/journeys", "scripts")]

import servers  # noqa: E402
from air import Air  # noqa: E402
from fleets import NETWORK, Fleet, credentials, read  # noqa: E402
from people import PASSWORD, Person  # noqa: E402
from phone import SETUP_DONE, Phone  # noqa: E402

import program as programs  # noqa: E402

AT_ONCE = 8
# What Bumble does as well; the rest is XMPP, or waits for it.
GATT = ("connect", "discover", "read", "write", "setup-done", "leave")


async def commission(things, air, server, device):
    """Commissions a device with the program; gives milliseconds by step, and of the whole."""
    await things.advertising(device)
    process = await asyncio.create_subprocess_exec(
        *(str(programs.binary()), "commission", things.codes[device].text, "--json"),
        *("--adapter", f"tcp:127.0.0.1:{air.port}", "--ssid", NETWORK[0], "--owner", f"juliet@{server.domain}"),
        *("--host", server.host, "--port", str(server.port), "--ca-file", str(server.ca_file)),
        env={**os.environ, "THINGFLEET_PASSWORD": PASSWORD, "THINGFLEET_WIFI_PASSWORD": NETWORK[1]},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    summary = json.loads(out.splitlines()[-1])
    if summary["outcome"] != "done":
        raise RuntimeError(f"{device}: {summary['failure']}")
    return {**{step["step"]: step["ms"] for step in summary["steps"]}, "whole": summary["ms"]}


async def bound(things, air, server, device):
    """The same operations by Bumble; gives their milliseconds together."""
    address = await things.advertising(device)
    phone = await Phone(air).switch_on()
    await phone.scan(address)
    begun = time.perf_counter()
    client = await phone.connect(address)
    await read(client)
    for uuid, value in credentials(f"{device}@{server.domain}", f"juliet@{server.domain}"):
        await client.write(uuid, value)
    await client.write(SETUP_DONE, b"\x01")
    await client.sent_away()
    return (time.perf_counter() - begun) * 1000


async def measured(server, count, work, together):
    """Runs `work` with `count` fresh devices, one after the other or together; gives what it gave, and the time of
    all, in ms.
    """
    with tempfile.TemporaryDirectory() as directory:
        async with Air(port=0) as air:
            things = await Fleet(Path(directory), server, air, f"bench-{time.time_ns()}", count=count).start()
            try:
                for device in things.names:
                    await things.advertising(device)
                begun = time.perf_counter()
                if together:
                    done = await asyncio.gather(*(work(things, air, server, device) for device in things.names))
                else:
                    done = [await work(things, air, server, device) for device in things.names]
                return done, (time.perf_counter() - begun) * 1000
            finally:
                await things.kill()


def released():
    """Sees to it that the release build is measured: THINGFLEET_BIN, or what `cargo build --release` left."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    os.environ.setdefault("THINGFLEET_BIN", str(target / "release" / "thingfleet"))
    binary = programs.binary().resolve()
    if not binary.exists() or binary.parent.name == "debug":
        sys.exit(f"bench: {binary} is no release build; scripts/bench.sh --only commissioning makes one")


async def main(samples, crowds, as_json):
    """Measures, and prints."""
    released()
    server = servers.Prosody()
    server.start()
    try:
        owner = await Person(server, "juliet").enter(available=False)
        await owner.leave()
        alone, _ = await measured(server, samples, commission, together=False)
        together = [await measured(server, AT_ONCE, commission, together=True) for _ in range(crowds)]
        bounds, _ = await measured(server, samples, bound, together=False)
    finally:
        server.close()
    median = {step: statistics.median(one[step] for one in alone) for step in alone[0]}
    eight = {step: statistics.median(one[step] for crowd, _ in together for one in crowd) for step in median}
    all_eight = statistics.median(whole for _, whole in together)
    gatt = statistics.median(sum(one[step] for step in GATT) for one in alone)
    least = statistics.median(bounds)
    if as_json:
        figures = {"alone": median, "eight": eight, "all-eight": all_eight, "gatt": gatt, "bumble": least}
        print(json.dumps({**figures, "samples": samples, "crowds": crowds}))
        return
    print(
        f"commissioning over virtual Bluetooth, medians in ms"
        f" ({samples} one after the other; {crowds} times {AT_ONCE} at once)\n"
    )
    print(f"{'step':12}{'alone':>9}{'of eight':>10}")
    for step, value in median.items():
        print(f"{step:12}{value:9.1f}{eight[step]:10.1f}")
    print(f"\n{AT_ONCE} at once, all done: {all_eight:.1f} ms; {all_eight / median['whole']:.2f} times one alone")
    print(f"GATT operations: {gatt:.1f} ms; the same by Bumble: {least:.1f} ms; ratio {gatt / least:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10, help="devices one after the other (default 10)")
    parser.add_argument("--crowds", type=int, default=5, help=f"times {AT_ONCE} at once (default 5)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.samples, arguments.crowds, arguments.json))
