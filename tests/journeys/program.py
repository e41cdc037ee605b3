"""The program under test as a child process: a generated profile in, JSON events out.

What the journeys need of the program stands here and nowhere else: the command line, the profile's grammar and the
shape of the events.
"""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

DEFINITION = Path(__file__).with_name("board.yaml")
# For what never comes; also a machine that is emulated, or has a lot else to do, makes it.
DEADLINE = 60.0
STOP_DEADLINE = 30.0


def binary():
    """Path of the program: THINGFLEET_BIN, else where cargo puts it."""
    named = os.environ.get("THINGFLEET_BIN")
    if named:
        return Path(named)
    root = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "debug" / "thingfleet"


def profile(
    server,
    name,
    *,
    owners=(),
    domain=None,
    ca_file=None,
    account=None,
    count=None,
    definition=DEFINITION,
    **settings,
):
    """Text of a fleet profile with one board, or with `count` of them, named `NAME-1` and so on.

    `account` is (jid, password); without it accounts are registered. `domain` and `ca_file` are the server's where
    they are not given. Further settings are keys of the profile, with values in YAML.
    """
    names = name if count is None else f"'{name}-{{n}}', count: {count}"
    lines = [
        f"fleet: {name}",
        "seed: 7",
        f"server: {{ domain: {domain or server.domain}, host: {server.host}, port: {server.port}, "
        f"ca_file: '{ca_file or server.ca_file}' }}",
        f"owners: [{', '.join(owners)}]",
        "groups:",
        f"  - {{ definition: '{definition}', names: {names} }}",
    ]
    if account is None:
        lines.append("accounts: register")
    else:
        jid, password = account
        lines.append(f"accounts: [{{ name: {name}, jid: {jid}, password: {password} }}]")
    lines += [f"{key}: {value}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"


class Program:
    """A run of `thingfleet run PROFILE --headless --events --json`, with its state kept in a directory of the test's."""

    def __init__(self, directory, profile_text):
        self._directory = Path(directory)
        self._profile = self._directory / "fleet.yaml"
        self._profile.write_text(profile_text)
        self._process = None
        self._reader = None
        self._news = asyncio.Condition()
        self._over = False
        self.events = []
        self.errors = bytearray()

    async def start(self, *arguments):
        """Starts the program, anew if it ran before; events of earlier runs are forgotten."""
        self.events = []
        self._over = False
        self._process = await asyncio.create_subprocess_exec(
            *(str(binary()), "run", str(self._profile), "--headless", "--events", "--json", *arguments),
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.gather(self._read_events(), self._read_errors())
        return self

    async def output(self, command, *arguments):
        """What another command prints about the same profile, while this run goes on or not."""
        process = await asyncio.create_subprocess_exec(
            *(str(binary()), command, str(self._profile), *arguments),
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, f"{command} ended with {process.returncode}"
        return out.decode()

    async def stop(self):
        """Asks the program to leave, as Ctrl-C does, and returns its exit code."""
        if self._process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        return await self.ended(STOP_DEADLINE)

    async def kill(self):
        """Ends the program as a power cut would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self.ended(STOP_DEADLINE)

    async def ended(self, deadline=DEADLINE):
        """Waits until the program ends by itself and returns its exit code."""
        try:
            async with asyncio.timeout(deadline):
                code = await self._process.wait()
                await self._reader
        except TimeoutError:
            self._process.kill()
            raise AssertionError(f"still runs after {deadline} s\n{self.report()}") from None
        return code

    def mark(self):
        """The present end of the events, to look only at what comes later."""
        return len(self.events)

    async def event(self, kind, /, since=0, deadline=DEADLINE, **wanted):
        """The first event of a kind with these fields from `since` on."""
        return await self._said(f"event {kind}", since, deadline, event=kind, **wanted)

    async def message(self, kind, deadline=DEADLINE):
        """The first line of this type that is no event: `started`, `health`, …"""
        return await self._said(f"message {kind}", 0, deadline, type=kind)

    async def _said(self, what, since, deadline, /, **wanted):
        seen = since
        try:
            async with asyncio.timeout(deadline):
                async with self._news:
                    while True:
                        while seen < len(self.events):
                            event = self.events[seen]
                            seen += 1
                            if all(event.get(key) == value for key, value in wanted.items()):
                                return event
                        if self._over:
                            raise AssertionError(f"the program ended without {what} {wanted}\n{self.report()}")
                        await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {what} {wanted} within {deadline} s\n{self.report()}") from None

    def connections(self, port):
        """How many TCP connections to this port of this machine the program has (proc_pid_fd(5), proc_pid_net(5))."""
        own = set(self._handles())
        lines = Path(f"/proc/{self._process.pid}/net/tcp").read_text().splitlines()[1:]
        rows = [line.split() for line in lines]
        return sum(row[2].endswith(f":{port:04X}") and f"socket:[{row[9]}]" in own for row in rows)

    def _handles(self):
        for file in Path(f"/proc/{self._process.pid}/fd").iterdir():
            # It may be closed in this very moment.
            with contextlib.suppress(FileNotFoundError):
                yield os.readlink(file)

    def _environment(self):
        return {**os.environ, "HOME": str(self._directory), "XDG_STATE_HOME": str(self._directory / "state")}

    def told(self, kind):
        """The events of a kind so far."""
        return self.told_since(0, kind)

    def told_since(self, since, kind):
        """The events of a kind from `since` on."""
        return [event for event in self.events[since:] if event.get("event") == kind]

    async def online(self, since=0, deadline=DEADLINE):
        """Waits until the device is online."""
        return await self.event("session", since, deadline, state="online")

    def report(self):
        """What the program has said, for a failing test."""
        events = "\n".join(json.dumps(event) for event in self.events[-40:])
        return f"events:\n{events}\nstandard error:\n{self.errors.decode(errors='replace')[-4000:]}"

    async def _read_events(self):
        async for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                async with self._news:
                    self.events.append(event)
                    self._news.notify_all()
        async with self._news:
            self._over = True
            self._news.notify_all()

    async def _read_errors(self):
        while piece := await self._process.stderr.read(4096):
            self.errors += piece
