"""A running demo fleet with its control interface."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get(
    "THINGFLEET_BIN", Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "thingfleet"
)
# Nothing here takes a tenth of it.
DEADLINE = 240.0
STOP_DEADLINE = 20.0


@pytest.fixture
def fleet(tmp_path):
    """A demo fleet: its `url`, `token` and `file`, the `environment` in which `ctl` finds it, and how to `end` it."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(runtime)}
    program = subprocess.Popen(
        [BINARY, "demo", "--headless", "--json"], env=environment, stdout=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(DEADLINE, program.kill)
    watchdog.start()
    lines = iter(program.stdout)
    started = json.loads(next(lines))
    # Somebody has to read what it prints.
    drain = threading.Thread(target=lambda: [None for _ in lines], daemon=True)
    drain.start()

    def end():
        program.send_signal(signal.SIGINT)
        return program.wait(STOP_DEADLINE)

    try:
        yield SimpleNamespace(**started["control"], environment=environment, end=end, binary=BINARY)
    finally:
        watchdog.cancel()
        program.kill()
        program.wait()
