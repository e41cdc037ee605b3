"""The guide's own commands, as somebody who reads docs/COMMISSIONING.md types them."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from servers import free_port

import program as programs

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 60.0


@pytest.fixture
def home():
    """A directory like a new user's, into which the private server can see; nothing of other runs is in it."""
    directory = Path(tempfile.mkdtemp(prefix="guide-"))
    directory.chmod(0o755)
    for name in ("bin", "run"):
        (directory / name).mkdir()
    (directory / "bin" / "thingfleet").symlink_to(programs.binary().resolve())
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def commands(port):
    """The profile and the commands of the section on virtual controllers, on this port."""
    section = (ROOT / "docs" / "COMMISSIONING.md").read_text().split("### No Bluetooth at all")[1].split("\n### ")[0]
    [profile] = re.findall(r"```yaml\n(.*?)```", section, re.S)
    lines = "".join(re.findall(r"```sh\n(.*?)```", section, re.S)).replace("\\\n", "").splitlines()
    profile = profile.replace("adapters: virtual", f"adapters: {{ virtual: '127.0.0.1:{port}' }}")
    return profile, [line.split("  #")[0].replace("6402", str(port)) for line in lines]


@contextlib.asynccontextmanager
async def typed(command, home):
    """A command at a shell, ended as by Ctrl-C."""
    environment = {
        "PATH": f"{home / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "XDG_STATE_HOME": str(home / "state"),
    }
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"exec {command}" if "=" not in command.split()[0] else command),
        env=environment,
        cwd=home,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.communicate(), DEADLINE)


async def said(process, words):
    """Waits until a command has said this; gives all it said."""
    so_far = ""
    while words not in so_far:
        line = await process.stdout.readline()
        assert line, so_far
        so_far += line.decode()
    return so_far


def owner(printed, home):
    """The options for the person of the private server that printed this."""
    jid, password, port, ca_file = re.search(
        r"account +(\S+)\n.*password +(\S+)\n.*port (\d+).*\n.*signed by (\S+)", printed
    ).groups()
    (home / "password").write_text(password)
    return f"--owner {jid} --password-file password --host 127.0.0.1 --port {port} --ca-file {ca_file}"


async def test_the_commands_of_the_guide_commission_a_device(home):
    port = free_port()
    profile, [install, air, run, commission] = commands(port)
    pinned = (ROOT / "tests" / "requirements.txt").read_text().splitlines()
    assert install.split()[-1] in pinned
    (home / "home.yaml").write_text(profile)
    (home / "scripts").symlink_to(ROOT / "scripts")
    async with (
        typed(f"{air.strip()} --port {port}", home) as controllers,
        typed(run, home) as fleet,
        asyncio.timeout(DEADLINE),
    ):
        await said(controllers, "virtual controllers at")
        printed = await said(fleet, "waiting to be commissioned over Bluetooth")
        async with typed(commission, home) as client:
            out, _ = await client.communicate()
        if b"private servers are running" in out:
            # Somebody else of this user runs one as well; the help says what to do then.
            async with typed(f"{commission} {owner(printed, home)}", home) as client:
                out, _ = await client.communicate()
        assert client.returncode == 0, out.decode()
        assert b"it keeps to the protocol" in out
