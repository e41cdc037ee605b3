"""Fixtures of the firmware in an emulator: an air, a phone on it, a server, an owner, and the machine."""

import itertools

import pytest
import pytest_asyncio
from phone import Phone
from surroundings import air, owner, server  # noqa: F401

import machines
from clock import Clock

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def programs():
    """Fails at once, and with the way out, where something is not built."""
    for program, way in (machines.PROGRAM, "scripts/firmware.sh"), (machines.PACK, "cargo build --bin thingfleet-pack"):
        if not program.exists():
            pytest.exit(f"{program} is missing: {way}", returncode=3)


@pytest_asyncio.fixture
async def phone(air):
    """A phone on that air."""
    return await Phone(air).switch_on()


@pytest.fixture
def name():
    """A device name of this test's own."""
    return f"chip-{next(_numbers)}"


@pytest_asyncio.fixture
async def clock():
    """Makes time servers: `await clock()`, or `await clock(says)` in seconds since 1970."""
    made = []

    async def make(says=None):
        made.append(await Clock(says).start())
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest_asyncio.fixture
async def machine(air, clock, tmp_path):
    """Makes machines with the same flash: `machine(server)`, off until `switch_on`. They know a time server that is
    right, or that one."""
    made = []
    right = await clock()

    def make(server, clock=right, **settings):
        made.append(machines.Machine(tmp_path, server, air, clock, **settings))
        return made[-1]

    yield make
    for one in made:
        await one.switch_off()
