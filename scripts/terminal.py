#!/usr/bin/env python3
"""Draws what a real run prints: docs/img/demo.svg (a fleet and a client of it) and docs/img/check.svg (mistakes found).

usage: scripts/terminal.py PROGRAM

Commands run at a pseudo-terminal, so that colours are those a person sees. Only colours are understood, which is all
the program prints.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 84

# Measures of a picture, in pixels.
CELL, LINE, SIZE, PAD, BAR = 8.4, 19, 14, 18, 32
PAPER, INK, FRAME, FAINT = "#161b22", "#d7dee6", "#3d4652", "#8b96a3"
COLOURS = {31: "#ff7b72", 32: "#56d364", 33: "#e3b341", 34: "#6cb6ff", 35: "#d2a8ff", 36: "#56d4dd"}

MISTAKES = """\
    device: kettle
    title: Electric kettle
    sensors:
      temp:
        type: float
        unit: celcius
        behaviour:
          lag: { toward: 21, over: 40 }
    actuators:
      powerOn: { label: Power, type: boolean }
    rules:
      - when: powerOn and tmep >= 100
        set: { powerOn: false }
    """


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as directory:
        # On the path under its own name, as people have it.
        (Path(directory) / "thingfleet").symlink_to(program)
        os.environ["PATH"] = f"{directory}:{os.environ['PATH']}"
        # A client looks for private servers in here, and must not find somebody else's. Prosody, which may run as
        # another user, has to come through.
        os.environ["TMPDIR"] = directory
        os.chmod(directory, 0o755)
        (Path(directory) / "my-kettle.yaml").write_text(textwrap.dedent(MISTAKES))
        images = ROOT / "docs/img"
        images.mkdir(parents=True, exist_ok=True)
        (images / "demo.svg").write_text(windows(demo()))
        check = prompt(command := "thingfleet check my-kettle.yaml") + Terminal(command, directory).finish(2)
        (images / "check.svg").write_text(windows([("a definition with mistakes", check)]))


def demo():
    """A fleet in one terminal and a client in another, at the same time."""
    fleet = Terminal("thingfleet demo --headless --for 20s", ROOT)
    fleet.wait_for("7/7 online")
    commands = [
        "thingfleet client say kettle help",
        "thingfleet client set desk-lamp powerOn=1",
        "thingfleet client watch kettle --for 2s",
    ]
    client = session(commands, ROOT)
    lines = prompt(fleet.command) + fleet.finish()
    beats = [index for index, line in enumerate(lines) if "7/7 online" in line]
    return [("a fleet of seven", lines[: beats[0] + 3]), ("a client, in another terminal", client)]


def session(commands, directory):
    lines = []
    for command in commands:
        lines += prompt(command) + Terminal(command, directory).finish()
    return lines


def prompt(command):
    return [f"\x1b[32m$\x1b[0m \x1b[1m{command}\x1b[0m"]


class Terminal:
    """A command at a pseudo-terminal."""

    def __init__(self, command, directory):
        self.command = command
        self.output, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        self.child = subprocess.Popen(command.split(), stdin=other, stdout=other, stderr=other, cwd=directory)
        os.close(other)
        self.text = ""

    def wait_for(self, words):
        deadline = time.monotonic() + 30
        while words not in self.text:
            if time.monotonic() > deadline or not self.read():
                sys.exit(f"{self.command}: no {words!r} in\n{self.text}")

    def finish(self, code=0):
        """Reads to the end, and gives the lines that are left on the screen."""
        while self.read():
            pass
        if self.child.wait() != code:
            sys.exit(f"{self.command} ended with {self.child.returncode}:\n{self.text}")
        # What a line showed before it was cleared is not there any more.
        text = re.sub(r"[^\n]*\r\x1b\[K", "", self.text.replace("\r\n", "\n"))
        return text.rstrip("\n").split("\n")

    def read(self):
        try:
            data = os.read(self.output, 65536)
        except OSError:
            # The other side is closed.
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


# ---- the picture

def windows(parts):
    width = COLUMNS * CELL + 2 * PAD
    body, y = [], 1
    for title, lines in parts:
        height = BAR + len(lines) * LINE + PAD
        body.append(f'<rect x="1" y="{y}" width="{width:g}" height="{height:g}" rx="9" fill="{PAPER}" stroke="{FRAME}"/>')
        dots = zip((20, 38, 56), ("#ff5f57", "#febc2e", "#28c840"))
        body += [f'<circle cx="{x}" cy="{y + 16}" r="5.5" fill="{colour}"/>' for x, colour in dots]
        body.append(f'<text class="title" x="{width / 2:g}" y="{y + 21}">{escape(title)}</text>')
        for index, line in enumerate(lines):
            body += runs(line, y + BAR + (index + 0.75) * LINE)
        y += height + 14
    style = (
        f"text {{ font: {SIZE}px ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre; fill: {INK} }}"
        f" .title {{ font: 12px system-ui, sans-serif; fill: {FAINT}; text-anchor: middle }}"
    )
    size = f'viewBox="0 0 {width + 2:g} {y - 12:g}" width="{width + 2:g}" height="{y - 12:g}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', f"<style>{style}</style>", *body, "</svg>", ""])


def runs(line, y):
    """The pieces of a line that have one colour each, at their columns whatever font there is."""
    texts, column, style = [], 0, {}
    for code, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b]+)", line):
        if not text:
            style = restyled(style, code)
            continue
        # Blanks in front are left out, because some viewers collapse them.
        for blanks, words in re.findall(r"( *)(.*?(?=  |$))", text):
            column += len(blanks)
            if words:
                extent = f'textLength="{len(words) * CELL:.1f}" lengthAdjust="spacingAndGlyphs"'
                look = f' style="{";".join(f"{name}:{value}" for name, value in style.items())}"' if style else ""
                texts.append(f'<text x="{PAD + column * CELL:.1f}" y="{y:.1f}" {extent}{look}>{escape(words)}</text>')
                column += len(words)
    return texts


def restyled(style, code):
    for number in (int(part or 0) for part in code.split(";")):
        if number == 0:
            style = {}
        elif number == 1:
            style = {**style, "font-weight": "bold"}
        elif number == 2:
            style = {**style, "fill": FAINT}
        elif number in COLOURS:
            style = {**style, "fill": COLOURS[number]}
    return style


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


main()
