"""The examples of docs/CONTROL.md in each language, and `thingfleet ctl`, against a running demo."""

import json
import re
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "CONTROL.md"
RUNNERS = {"bash": ["bash", "-ec"], "python": ["python3", "-c"], "javascript": ["node", "--input-type=module", "-e"]}


def ctl(fleet, *arguments, code=0):
    """Runs `thingfleet ctl --json` and returns its lines."""
    command = [fleet.binary, "ctl", "--json", *arguments]
    done = subprocess.run(command, env=fleet.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("language", RUNNERS)
def test_the_example_of_the_guide_does_what_it_says(fleet, language):
    ctl(fleet, "wait", "state == online", "kettle")
    examples = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(examples) == 1
    environment = {**fleet.environment, "THINGFLEET_URL": fleet.url, "THINGFLEET_TOKEN": fleet.token}
    done = subprocess.run(
        [*RUNNERS[language], examples[0]], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "kettle" in done.stdout or "temp" in done.stdout


def test_the_shell_finds_the_fleet_and_steers_it(fleet):
    [kettle] = ctl(fleet, "wait", "state == online", "kettle")
    assert (kettle["type"], kettle["state"]) == ("device", "online")
    assert {"kettle"} < {device["name"] for device in ctl(fleet, "list")}
    [outcome] = ctl(fleet, "hold", "*", "temp=95", "--kind", "kettle")
    assert outcome["done"] == ["kettle"]
    [held] = ctl(fleet, "wait", "temp > 90", "kettle", "--timeout", "10s")
    temp = next(channel for channel in held["channels"] if channel["name"] == "temp")
    assert (temp["value"], temp["source"]) == (95.0, "held")
    ctl(fleet, "release", "kettle", "temp")
    assert ctl(fleet, "pause")[0]["paused"] is True
    assert ctl(fleet, "resume")[0]["paused"] is False
    [before] = ctl(fleet, "fleet")
    ctl(fleet, "offline", "kettle")
    events = ctl(fleet, "events", "kettle", "--since", str(before["latest_event"]))
    # A reading may come before both, since the world goes on.
    [steered] = [place for place, event in enumerate(events) if event["event"] == "steered"]
    assert {"by": "control", "command": {"do": "offline"}}.items() <= events[steered].items()
    assert any({"event": "session", "state": "offline"}.items() <= event.items() for event in events[steered:])
    [added] = ctl(fleet, "add", "kettle-9", "kettle", "--serial", "KT-9", "--start", "temp=60")
    assert added["serial"] == "KT-9"
    ctl(fleet, "remove", "kettle-9")
    ctl(fleet, "wait", "temp > 1000", "kettle", "--timeout", "200ms", code=1)
    ctl(fleet, "inject", "kettle", "tmep=5", code=1)
    ctl(fleet, "wait", "temp >", "kettle", code=2)
    ctl(fleet, "list", "--fleet", "nobody", code=3)


def test_the_shell_listens_to_a_device(fleet):
    ctl(fleet, "wait", "state == online", "kettle")
    command = [fleet.binary, "ctl", "--json", "traffic", "kettle"]
    with subprocess.Popen(command, env=fleet.environment, stdout=subprocess.PIPE, text=True) as listening:
        try:
            heard = []
            first = threading.Thread(target=lambda: heard.append(json.loads(listening.stdout.readline())))
            first.start()
            # Nobody sees when it listens, so the device is made to say something until it is heard.
            deadline = time.monotonic() + 30
            while first.is_alive() and time.monotonic() < deadline:
                ctl(fleet, "inject", "kettle", "temp=50")
                first.join(0.2)
        finally:
            listening.kill()
    [exchange] = heard
    assert (exchange["type"], exchange["exchange"], exchange["seq"]) == ("exchange", "stanza", 1)
    assert exchange["xml"].startswith("<") and exchange["length"] == len(exchange["xml"].encode())


def test_an_open_stream_of_events_does_not_keep_the_program(fleet):
    ctl(fleet, "wait", "state == online", "kettle")
    request = urllib.request.Request(f"{fleet.url}/v1/events?since=0")
    request.add_header("Authorization", f"Bearer {fleet.token}")
    with urllib.request.urlopen(request, timeout=30) as stream:
        assert stream.readline().startswith(b":")
        begun = time.monotonic()
        assert fleet.end() == 0
        assert time.monotonic() - begun < 10
        stream.read()
    assert not Path(fleet.file).exists()
