"""How long commissioning takes over a real bluetoothd: medians of each step, for a device that waits alone, and while
eight wait at once on adapters of their own.

Run by `scripts/bench.sh --only bluez`. One client meets them in turn: bluetoothd 5.66 crashed with a client for each.
"""

import statistics
import time

from conftest import SETTINGS
from stack import DEVICES
from test_commissioning import JOURNEY, advertising, commissioner

SAMPLES = SETTINGS["samples"]


async def journey(program, device, account, home):
    """Commissions a device by the program itself; gives milliseconds by step, and of the whole."""
    home.mkdir()
    code = await program.output("qr", device, "--text")
    status, told, complaints = await commissioner(code.strip(), *account(), home)
    assert status == 0, complaints
    return {**{step["step"]: step["ms"] for step in told[-1]["steps"]}, "whole": told[-1]["ms"]}


async def test_commissioning_alone_and_of_eight_that_wait(stack, fleet, account, measure, tmp_path):
    program = await fleet("lamp", SAMPLES, DEVICES[:1])
    alone = []
    since = 0
    for number in range(SAMPLES):
        event = await program.event("bluetooth", since, deadline=JOURNEY, state="advertising")
        since = program.mark()
        alone.append(await journey(program, event["device"], account, tmp_path / f"alone-{number}"))
    await program.stop()

    program = await fleet("lamp", len(DEVICES), DEVICES)
    told = await advertising(program, len(DEVICES))
    begun = time.monotonic()
    crowd = [await journey(program, device, account, tmp_path / f"of-eight-{device}") for device in told]
    took = time.monotonic() - begun

    measure.told(f"commissioning over bluetoothd, medians in ms ({SAMPLES} alone; {len(crowd)} that wait at once)")
    measure.told(f"{'step':12}{'alone':>9}{'of eight':>10}")
    for step in alone[0]:
        medians = [statistics.median(one[step] for one in many) for many in (alone, crowd)]
        measure.told(f"{step:12}{medians[0]:9.0f}{medians[1]:10.0f}")
    measure.told(f"all {len(crowd)} by one client: {took:.1f} s")
