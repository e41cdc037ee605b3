"""A terminal that a test can type into and read: tmux on a socket of its own."""

import os
import shlex
import subprocess
import time
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
BINARY = Path(os.environ.get("THINGFLEET_BIN", TARGET / "thingfleet"))
PANIC = TARGET / "examples" / "panic"
# Nothing here takes a tenth of it.
DEADLINE = 60.0
PAUSE = 0.05


class Terminal:
    """A shell in a terminal of 80 columns and 24 lines, as people have it without asking for more."""

    def __init__(self, directory):
        self._socket = f"thingfleet-{uuid.uuid4().hex[:12]}"
        runtime = directory / "runtime"
        runtime.mkdir(mode=0o700)
        self.environment = {
            **{key: value for key, value in os.environ.items() if key not in ("TMUX", "NO_COLOR")},
            "HOME": str(directory),
            "XDG_RUNTIME_DIR": str(runtime),
            "LC_ALL": "C.UTF-8",
        }
        # tmux has a shell of its own start it, which takes PS1 away.
        shell = "exec env PS1='$ ' bash --norc --noprofile"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", str(directory), shell)
        self._tmux("set-option", "-g", "status", "off")

    def _tmux(self, *arguments):
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=DEADLINE
        ).stdout

    def run(self, *command, **environment):
        """Types a command; what it left with stands behind it."""
        settings = [f"{key}={shlex.quote(value)}" for key, value in environment.items()]
        self.type(" ".join([*settings, *(shlex.quote(str(word)) for word in command)]) + "; echo left=$?")
        self.press("Enter")

    def type(self, text):
        self._tmux("send-keys", "-l", text)

    def press(self, *keys):
        """Presses keys by tmux's names: Enter, Escape, C-c."""
        self._tmux("send-keys", *keys)

    def resize(self, columns, lines):
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def text(self, *options):
        return self._tmux("capture-pane", "-p", *options)

    def flag(self, name):
        return self._tmux("display-message", "-p", f"#{{{name}}}").strip()

    def program(self):
        """The process that the shell runs."""
        shell = self.flag("pane_pid")
        return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])

    def wait(self, *words, without=()):
        """Waits until all these words are on the screen and none of the others."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            text = self.text()
            if all(word in text for word in words) and not any(word in text for word in without):
                return text
            time.sleep(PAUSE)
        raise AssertionError(f"{words} without {without} did not come to stand on the screen:\n{self.text()}")

    def wait_until(self, holds):
        deadline = time.monotonic() + DEADLINE
        while not holds():
            assert time.monotonic() < deadline, self.text()
            time.sleep(PAUSE)

    def assert_clean(self):
        """The shell has its terminal back: its screen, its cursor, its mouse, its echo."""
        flags = {name: self.flag(name) for name in ("alternate_on", "cursor_flag", "mouse_any_flag")}
        assert flags == {"alternate_on": "0", "cursor_flag": "1", "mouse_any_flag": "0"}, self.text()
        self.press("Enter")
        self.type("stty -a | tr ';' '\\n' | grep -cw -e '-echo' -e '-icanon'; echo and=$?")
        self.press("Enter")
        # Neither is off, so grep counts none and fails.
        self.wait("and=1")

    def close(self):
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], env=self.environment, capture_output=True)


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(tmp_path)
    try:
        terminal.wait("$")
        yield terminal
    finally:
        terminal.close()


@pytest.fixture
def fleet(terminal):
    """A demo fleet without a terminal, which `attach` finds; its `Popen`, whose first line says what it is."""
    program = subprocess.Popen(
        [BINARY, "demo", "--headless", "--json"], env=terminal.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield program
    finally:
        program.terminate()
        # Somebody has to read what it prints until then.
        program.communicate(timeout=DEADLINE)
