"""Fixtures of the guest's tests: the stack, fleets on it, and a client. The shared folder says where the server is."""

import itertools
import json
import os
import time
from pathlib import Path

import pytest
import pytest_asyncio

import central as centrals
import program as programs
import stack as stacks

SETTINGS = json.loads(Path("/mnt/settings.json").read_text())
NETWORK = ("Home", "correct horse")
_numbers = itertools.count(1)
_measured = []


def pytest_terminal_summary(terminalreporter):
    """Prints what was measured."""
    terminalreporter.section("measured")
    for line in _measured:
        terminalreporter.write_line(line)


@pytest.fixture
def measure():
    """Tells how long something took: `with measure("eight at once"):`."""

    class Measure:
        def __init__(self, what):
            self._what = what

        def __enter__(self):
            self._begun = time.monotonic()

        def __exit__(self, kind, *_):
            if kind is None:
                self.took(self._what, self._begun)

        @classmethod
        def took(cls, what, begun):
            cls.told(f"{what}: {time.monotonic() - begun:.2f} s")

        @staticmethod
        def told(line):
            _measured.append(line)

    return Measure


@pytest_asyncio.fixture(scope="session")
async def stack():
    """The running stack. Tests that break it leave it whole."""
    made = stacks.Stack()
    try:
        await made.start()
        yield made
    finally:
        print(made.logs())
        made.close()


@pytest.fixture(scope="session")
def central(stack):
    """An independent client on an adapter of its own."""
    return centrals.Central(stack, stacks.CLIENT)


@pytest_asyncio.fixture
async def fleet(tmp_path):
    """Starts a fleet: `await fleet("lamp", 2, ["hci0", "hci1"])`; its devices are `lamp-…-1` and so on.

    `more` are further lines of the definition, `bluetooth: …` most likely.
    """
    made = []

    async def start(definition, count, adapters, more="", **how):
        directory = tmp_path / f"fleet-{next(_numbers)}"
        directory.mkdir()
        directory.chmod(0o777)  # one test's fleet has another user
        text = Path(f"/mnt/devices/{definition}.yaml").read_text() + more
        (directory / f"{definition}.yaml").write_text(text)
        program = programs.Program(directory, profile(directory, definition, count, adapters))
        made.append(program)
        with environment(how):
            return await program.start()

    yield start
    for program in made:
        for event in program.events:
            if event.get("event") in ("bluetooth", "commissioning", "session"):
                print(json.dumps(event))
        print(program.errors.decode(errors="replace")[-2000:])
        await program.kill()


def profile(directory, definition, count, adapters):
    """Text of a fleet profile."""
    name = f"{definition}-{directory.name.rsplit('-', 1)[1]}"
    ssid, password = NETWORK
    adapters = adapters if isinstance(adapters, str) else f"[{', '.join(adapters)}]"
    return f"""\
fleet: {name}
seed: 7
server: {{ domain: {SETTINGS["domain"]}, host: {SETTINGS["host"]}, port: {SETTINGS["port"]}, ca_file: /mnt/ca.crt }}
commissioning: bluetooth
adapters: {adapters}
networks: [{{ ssid: {ssid}, password: {password} }}]
groups:
  - {{ definition: '{directory / definition}.yaml', names: '{name}-{{n}}', count: {count} }}
"""


class environment:
    """Environment variables for the time of a start."""

    def __init__(self, variables):
        self._variables = variables

    def __enter__(self):
        self._before = dict(os.environ)
        os.environ.update(self._variables)

    def __exit__(self, *_):
        os.environ.clear()
        os.environ.update(self._before)


@pytest.fixture
def account():
    """Accounts that the host has registered, one for each call: (JID, password)."""

    def next_one():
        return SETTINGS["accounts"].pop(0), SETTINGS["password"]

    return next_one
