"""The dashboard of the real program, in a real terminal, by its keys."""

import json
import os
import signal

from conftest import BINARY, PANIC


def test_a_demo_is_watched_and_steered_by_its_keys(terminal):
    terminal.run(BINARY, "demo")
    terminal.wait("7 devices", "● 7 online", "washing-machine")
    terminal.press("Enter")
    terminal.wait("Electric kettle", "sensors and actuators", "session and Bluetooth")

    terminal.type("i")
    terminal.wait("a value for temp")
    terminal.type("42")
    terminal.press("Enter")
    terminal.wait("inject temp = 42 · kettle")
    terminal.type("H")
    terminal.wait("hold temp · kettle")
    terminal.wait(" held ")
    terminal.type("u")
    # Back to the injected value, or to the behaviour's if that has moved it on meanwhile.
    terminal.wait("undone: ", without=[" held "])
    terminal.press("Down", "Down")
    # The demo begins with it on, and its kettle switches itself off when the water boils.
    on, off = ("(━━●) on", "true"), ("(●──) off", "false")
    switch, value = off if on[0] in terminal.wait("powerOn ") else on
    terminal.press("Space")
    terminal.wait(switch, f"set powerOn = {value}")

    terminal.type("x/sensor-stuck")
    terminal.wait("1 faults /sensor-stuck")
    terminal.press("Enter", "Enter")
    terminal.wait("let it happen", "which sensor")
    terminal.type("temp")
    terminal.press("Down")
    terminal.type("600")
    terminal.press("Enter")
    terminal.wait("sensor-stuck · temp · for 10 min · kettle")
    terminal.press("Escape")
    terminal.wait("✗ sensor-stuck · temp", "min left")
    terminal.type("X")
    terminal.wait("end all faults · kettle", without=["✗ sensor-stuck"])
    terminal.type("E")
    terminal.wait("written to faults-demo-1.yaml")

    terminal.type("o")
    terminal.wait("○ offline")
    terminal.type("O")
    terminal.wait("● online", without=["○ offline"])

    terminal.type("3")
    terminal.wait("exchanges since you look", "<iq")
    terminal.type("q")
    terminal.wait("leave, and stop the fleet?")
    terminal.type("n")
    terminal.press("C-c")
    terminal.wait("leave, and stop the fleet?")
    terminal.type("y")
    terminal.wait("left=0", "7 of 7 devices came online")
    terminal.assert_clean()


def test_lists_are_filtered_sorted_grouped_and_found(terminal, fleet):
    json.loads(fleet.stdout.readline())
    terminal.run(BINARY, "attach")
    terminal.wait("● 7 online")
    terminal.type("/!~^(desk|front)")
    terminal.wait("5 of 7", without=["desk-lamp  ", "front-door  "])
    terminal.press("Enter")
    terminal.type("b")
    terminal.wait("by kind", "▾ kettle (1)")
    terminal.press("Escape")
    terminal.wait("desk-lamp", without=["5 of 7"])
    terminal.type(":")
    terminal.wait("find a command or a device")
    terminal.type("desk")
    terminal.wait("device        desk-lamp")
    terminal.press("Enter")
    terminal.wait("desk-lamp@localhost")
    terminal.type("?")
    terminal.wait("keys · Esc closes", "everywhere")
    terminal.press("Escape")
    terminal.type("4")
    terminal.wait("events, latest last", "published")
    terminal.type("q")
    terminal.wait("left=0")
    terminal.assert_clean()
    assert fleet.poll() is None, "the fleet goes on without its watcher"


def test_a_fleet_elsewhere_is_only_looked_at_and_without_colours(terminal, fleet, tmp_path):
    control = json.loads(fleet.stdout.readline())["control"]
    (tmp_path / "token").write_text(control["token"] + "\n")
    attach = ("attach", control["url"], "--token-file", tmp_path / "token", "--read-only")
    terminal.run(BINARY, *attach, NO_COLOR="1")
    terminal.wait("read-only", "● 7 online")
    terminal.type("o")
    terminal.wait("may only look")
    coloured = [f"\x1b[{ground}{colour}m" for ground in (3, 4, 9, 10) for colour in range(8)]
    assert not [code for code in coloured if code in terminal.text("-e")]
    assert "\x1b[38" not in terminal.text("-e")
    terminal.resize(120, 40)
    terminal.wait("trouble", "events")
    terminal.resize(40, 10)
    terminal.wait("kettle", without=["trouble"])
    terminal.press("C-c")
    terminal.wait("left=0")
    terminal.assert_clean()


def test_a_fleet_that_goes_is_told_and_looked_for(terminal, fleet):
    json.loads(fleet.stdout.readline())
    terminal.run(BINARY, "attach")
    terminal.wait("● 7 online")
    fleet.send_signal(signal.SIGINT)
    terminal.wait("trying again")
    terminal.type("q")
    terminal.wait("left=0")
    terminal.assert_clean()


def test_the_terminal_comes_back_after_signals_and_panics(terminal, fleet):
    json.loads(fleet.stdout.readline())
    terminal.run(BINARY, "attach")
    terminal.wait("● 7 online")
    os.kill(terminal.program(), signal.SIGTERM)
    terminal.wait("left=0")
    terminal.assert_clean()

    terminal.run(PANIC, RUST_BACKTRACE="0")
    terminal.wait("doomed on localhost")
    terminal.type("p")
    terminal.wait("on purpose", "left=101")
    terminal.assert_clean()


def test_it_says_so_where_it_cannot_draw_or_finds_nothing(terminal, tmp_path):
    terminal.run(BINARY, "attach")
    terminal.wait("no fleet is running", "left=3")
    (tmp_path / "token").write_text("")
    terminal.press("C-l")
    terminal.run(BINARY, "attach", "http://127.0.0.1:9", "--token-file", "token")
    terminal.wait("there is no token", "left=2")


def test_a_load_has_a_screen_and_leaving_it_ends_the_run_with_its_report(terminal, tmp_path):
    profile = tmp_path / "load.yaml"
    profile.write_text(
        "fleet: load-screen\nserver: private\ngroups:\n  - { definition: door, names: 'door-{n}', count: 4 }\n"
        "load:\n  phases:\n    - ramp: 1s\n    - { hold: 10min, name: steady, publish: 20/s }\n"
        "  thresholds: [publish.count > 0]\n"
    )
    terminal.run(BINARY, "load", profile)
    terminal.wait("steady · hold  2 of 2", "4/4 online", "✓ publish.count > 0", "publish/s: went well, failed")
    terminal.type("1")
    terminal.wait("● 4 online", "door-1")
    terminal.type("L")
    terminal.press("Up")
    terminal.wait("join/s: went well, failed")
    terminal.type("q")
    terminal.wait("leave, and stop the fleet?")
    terminal.type("y")
    terminal.wait("left=0", "held   publish.count > 0", "generator: ")
    terminal.assert_clean()
