"""How long commissioning takes over a real bluetoothd: medians of each step, for a device alone and for eight at once.

Run by `scripts/bench.sh --only bluez` with eight controllers for clients, since stock btvirt's have one link at a time.
"""

import asyncio
import statistics

from conftest import SETTINGS
from stack import CLIENTS, DEVICES
from test_commissioning import JOURNEY, advertising, commissioner

SAMPLES = SETTINGS["samples"]


async def journey(program, device, client, account, home):
    """Commissions a device by the program itself; gives milliseconds by step, and of the whole."""
    home.mkdir()
    code = await program.output("qr", device, "--text")
    # Eight clients of one bluetoothd in an emulated machine take longer than a step may, and are to be measured.
    status, told, complaints = await commissioner(code.strip(), *account(), home, client, "--timeout", "2min")
    assert status == 0, complaints
    return {**{step["step"]: step["ms"] for step in told[-1]["steps"]}, "whole": told[-1]["ms"]}


async def test_commissioning_alone_and_eight_at_once(stack, fleet, account, measure, tmp_path):
    program = await fleet("lamp", SAMPLES, DEVICES[:1])
    alone = []
    since = 0
    for number in range(SAMPLES):
        event = await program.event("bluetooth", since, deadline=JOURNEY, state="advertising")
        since = program.mark()
        alone.append(await journey(program, event["device"], CLIENTS[0], account, tmp_path / f"alone-{number}"))
    await program.stop()

    program = await fleet("lamp", len(DEVICES), DEVICES)
    told = await advertising(program, len(DEVICES))
    crowd = await asyncio.gather(
        *(
            journey(program, device, client, account, tmp_path / f"of-eight-{client}")
            for device, client in zip(told, CLIENTS, strict=True)
        )
    )

    measure.told(f"commissioning over bluetoothd, medians in ms ({SAMPLES} one after the other; {len(crowd)} at once)")
    measure.told(f"{'step':12}{'alone':>9}{'of eight':>10}")
    for step in alone[0]:
        medians = [statistics.median(one[step] for one in many) for many in (alone, crowd)]
        measure.told(f"{step:12}{medians[0]:9.0f}{medians[1]:10.0f}")
