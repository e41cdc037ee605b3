"""The shipped fleet of five hundred, for real: all online, all nodes there, all publishing, and a clean end."""

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get(
    "THINGFLEET_BIN", Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "thingfleet"
)
# The profile switches its last device on after a minute; two cores that do something else besides need longer.
DEADLINE = 400.0


def test_five_hundred_devices_come_online_make_their_nodes_and_publish(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    command = [BINARY, "run", "load-500", "--headless", "--events", "--json"]
    program = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(DEADLINE, program.kill)
    watchdog.start()
    devices, made, online, failures = set(), Counter(), set(), []
    reports, alive = Counter(), set()
    health = {}
    try:
        for line in program.stdout:
            event = json.loads(line)
            name = event.get("device")
            match event.get("event", event["type"]):
                case "started":
                    devices = {device["name"] for device in event["devices"]}
                case "health":
                    health = event
                case "session" if event["state"] == "online":
                    online.add(name)
                case "nodes-ready":
                    made[name] += event["created"]
                case "published":
                    reports[name, event["channel"]] += 1
                    # Each value is sent once at the start; a second time means that it lives.
                    if reports[name, event["channel"]] > 1:
                        alive.add(name)
                case "publish-failed" | "setup-failed":
                    failures.append(event)
            if devices and health.get("online") == len(devices) and alive == devices:
                break
        program.send_signal(signal.SIGINT)
        rest = [json.loads(line) for line in program.stdout]
        status = program.wait(60)
    finally:
        watchdog.cancel()
        program.kill()
    assert len(devices) == 500
    assert online == devices, f"not online: {sorted(devices - online)}"
    assert made == Counter(dict.fromkeys(devices, 3))
    assert alive == devices, f"published nothing new: {sorted(devices - alive)}"
    assert not failures
    assert status == 0, rest[-1:]
