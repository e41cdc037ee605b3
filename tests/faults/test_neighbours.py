"""A device with which everything goes wrong, and the one beside it in the same fleet, which does not notice."""

import time


# The neighbour publishes every 300 ms; a machine with a lot to do may be late by some of them.
LATE = 2.0
EVERY = 0.3


async def test_a_device_with_which_everything_goes_wrong_takes_no_other_with_it(home, board, owner, neighbour):
    kinds = sorted(kind for kind, family in (await home.control.kinds()).items() if family != "bluetooth")
    watch = await Watch(home, neighbour).begin()
    for kind in kinds:
        async with board.fault(kind):
            await watch.another(kind)
    # All of them at once, as far as they do not end by themselves.
    for kind in kinds:
        await board.suffer(kind)
        await watch.another(f"all up to {kind}")
    for _ in range(10):
        await watch.another("all of them")
    assert len((await home.control.device(board.name))["faults"]) > 40
    await watch.end()


class Watch:
    """Somebody who looks whether a device is as it was."""

    def __init__(self, home, device):
        self._home = home
        self._device = device

    async def begin(self):
        """Begins, with what was so far."""
        self._since = self._device.mark()
        self._told = self._home.program.mark()
        self._began = time.monotonic()
        self._counted = await self._counters()
        self._heard = []
        return self

    async def another(self, when):
        """Waits for the next value, which has to come in time."""
        [value] = await self._device.hear("pulse", 1, deadline=LATE)
        self._heard.append(int(value.text))
        assert self._heard == sorted(set(self._heard)), f"{when}: {self._heard[-3:]}"

    async def end(self):
        """Everything came, and nothing else happened."""
        device, lasted = self._device, time.monotonic() - self._began
        await device.answers()
        heard = len(device.heard("pulse", self._since))
        assert heard > 0.8 * lasted / EVERY, f"{heard} values in {lasted:.0f} s"
        assert device.presences(self._since) == device.presences(self._since, "unavailable") == []
        counters = await self._counters()
        rise = {name: counters[name] - self._counted[name] for name in counters}
        # Two sensors say something all the time.
        assert rise["published"] >= 2 * heard - 4
        troubles = ("publish_failures", "setup_failures", "refusals", "restarts")
        assert {name: rise[name] for name in troubles} == dict.fromkeys(troubles, 0)
        told = self._home.program.told_since(self._told, "session")
        assert [event for event in told if event["device"] == device.name] == []

    async def _counters(self):
        return (await self._home.control.device(self._device.name))["counters"]
