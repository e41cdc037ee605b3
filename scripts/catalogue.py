#!/usr/bin/env python3
"""Writes docs/CATALOGUE.md and a picture of each shipped definition's day, all of it from what the program says.

usage: scripts/catalogue.py PROGRAM
"""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DAY = 24 * 3600

# What people do in that day; a kettle that nobody switches on is a dull picture.
SETTINGS = {
    "air-quality": ["07:30:windowOpen=1", "07:50:windowOpen=0", "19:00:windowOpen=1", "19:30:windowOpen=0"],
    "blind": ["07:00:up=1", "17:30:up=1", "21:30:down=1"],
    "board": ["18:30:led=1", "23:00:led=0", "07:00:speaker=1", "07:02:speaker=0"],
    "coffee-maker": [
        "06:50:power=1", "07:00:coffee=1", "07:10:cappuccino=1", "10:30:espresso=1", "13:30:latte=1", "16:00:coffee=1",
        "18:00:clean=1",
    ],
    "kettle": ["06:45:powerOn=1", "10:30:powerOn=1", "15:55:target=80", "16:00:powerOn=1", "20:55:target=100", "21:00:powerOn=1"],
    "lamp": [
        "06:30:powerOn=1", "06:30:brightness=40", "08:00:powerOn=0", "18:30:brightness=90", "18:30:powerOn=1",
        "20:30:white=2700", "22:00:nightLight=1", "23:30:powerOn=0",
    ],
    "motion": ["22:00:sensitivity=low"],
    "plug": ["18:30:powerOn=0"],
    "smoke-alarm": ["10:00:test=1"],
    "thermostat": ["00:00:setpoint=17", "06:30:setpoint=21.5", "09:00:setpoint=19", "17:00:setpoint=21.5", "22:30:setpoint=17"],
    "washing-machine": ["11:50:paused=1", "12:40:paused=0"],
}

# Measures of a picture, in pixels.
WIDTH, LEFT, RIGHT, TOP, AXIS = 820, 190, 20, 8, 24
PLOT = WIDTH - LEFT - RIGHT
NUMBER, CONSTANT, BOOLEAN, BUTTON, OPTION, GAP = 46, 16, 16, 12, 13, 14
# Points of a line: one place on the axis has at most the lowest, highest and last value of its time.
PLACES = 250

# Legible on white and on black.
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #74808c }
.name { font-size: 12px; font-weight: 600 }
.end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #8b96a3; stroke-opacity: .28; fill: none }
.sensor { stroke: #3a86f0; fill: none; stroke-width: 1.4; stroke-linejoin: round }
.actuator { stroke: #d97a17; fill: none; stroke-width: 1.6 }
.on.sensor { fill: #3a86f0; stroke: none } .on.actuator { fill: #d97a17; stroke: none }
"""


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = sys.argv[1]
    pictures = ROOT / "docs/img/catalogue"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.svg"):
        old.unlink()
    sections = []
    for line in said(program, "list", "--json").splitlines():
        name = json.loads(line)["name"]
        definition = json.loads(said(program, "show", name, "--json"))["definition"]
        command = ["trace", name, "--for", "24h", "--seed", "7"]
        for setting in SETTINGS.get(name, []):
            command += ["--set", setting]
        rows = list(csv.DictReader(io.StringIO(said(program, *command, "--format", "csv"))))
        (pictures / f"{name}.svg").write_text(picture(definition, rows))
        sections.append(section(name, definition, command))
    (ROOT / "docs/CATALOGUE.md").write_text(HEAD + "\n".join(sections))


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


# ---- the page

HEAD = """# Catalogue

The shipped definitions, each with a day of its life: midnight to midnight (UTC), seed 7, what it would send. Sensors are
blue, actuators are orange. `make docs-pictures` makes this page and its pictures from the program.

"""


def section(name, definition, command):
    lines = [
        f"## {name}", "",
        f"**{definition['title']}.** {definition['description']}. [`devices/{name}.yaml`](../devices/{name}.yaml)", "",
        f"![A day of {name}](img/catalogue/{name}.svg)", "",
        "```sh", wrapped(["thingfleet", *command]), "```", "",
        "| channel | | type | unit | people can set |", "|---|---|---|---|---|",
    ]
    for channel in definition["channels"]:
        cells = [f"`{channel['name']}`", channel["label"], kind_text(channel), symbol(channel), reach(channel)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def wrapped(words):
    lines = [""]
    for word in " ".join(words).replace(" --set ", "\0--set ").split("\0"):
        if lines[-1] and len(lines[-1]) + len(word) > 110:
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return " \\\n".join(lines)


def kind_text(channel):
    options = options_of(channel)
    return " ".join(f"`{option}`" for option in options) if options else kind_of(channel).lower()


def reach(channel):
    if not channel["settable"]:
        return ""
    bounds, step = channel["range"], channel["step"]
    text = f"{bounds['min']:g} to {bounds['max']:g}" if bounds else "yes"
    return f"{text} by {step:g}" if bounds and step else text


def kind_of(channel):
    kind = channel["kind"]
    return kind if isinstance(kind, str) else next(iter(kind))


def options_of(channel):
    kind = channel["kind"]
    return [option["name"] for option in kind["Choice"]] if isinstance(kind, dict) and "Choice" in kind else []


def symbol(channel):
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", channel["unit"]).lower()
    return SYMBOLS.get(name, "")


# The guide names every unit; a test holds it to that.
SYMBOLS = dict(re.findall(r"`([a-z-]+)`\s\(([^)]+)\)", (ROOT / "docs/DEFINITIONS.md").read_text()))


# ---- the picture

def picture(definition, rows):
    parts, y = [], TOP
    for channel in definition["channels"]:
        values = [(float(row["seconds"]), row["value"]) for row in rows if row["channel"] == channel["name"]]
        role = channel["role"].lower()
        draw = {"Boolean": boolean, "Button": button, "Choice": choice, "Text": button}.get(kind_of(channel), number)
        height, body = draw(channel, values, y, role)
        parts += [f'<text class="name" x="2" y="{y + height / 2 + 4:g}">{escape(channel["label"])}</text>', *body]
        y += height + GAP
    bottom = y - GAP + 6
    grid = "".join(f"M{across(hour * 3600):g} {TOP}V{bottom}" for hour in range(0, 25, 3))
    hours = [f'<text class="middle" x="{across(hour * 3600):g}" y="{bottom + 15}">{hour:02}:00</text>' for hour in range(0, 25, 3)]
    height = bottom + AXIS
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}">',
        f"<title>A day of {escape(definition['title'])}</title>",
        f"<style>{STYLE}</style>", f'<path class="grid" d="{grid}"/>', *parts, *hours, "</svg>", "",
    ])


def number(channel, values, y, role):
    points = [(at, float(value)) for at, value in values]
    low, high = min(v for _, v in points), max(v for _, v in points)
    if low == high:
        return constant(channel, low, y, role)
    margin = (high - low) * 0.06
    up = lambda v: y + NUMBER - (v - low + margin) / (high - low + 2 * margin) * NUMBER
    steps = role == "actuator"
    thin = points if steps else thinned(points)
    path = trail([(across(at), up(v)) for at, v in thin], steps)
    label = lambda v, where: f'<text class="end" x="{LEFT - 6}" y="{where:g}">{short(v)}</text>'
    body = [f'<path class="grid" d="M{LEFT} {y + NUMBER}H{LEFT + PLOT}"/>', f'<path class="{role}" d="{path}"/>']
    body += [label(high, y + 9), label(low, y + NUMBER), unit_text(channel, y + NUMBER / 2 + 18)]
    return NUMBER, body


def constant(channel, value, y, role):
    middle = y + CONSTANT / 2
    return CONSTANT, [
        f'<text class="end" x="{LEFT - 6}" y="{middle + 4:g}">{short(value)} {escape(symbol(channel))}</text>',
        f'<path class="{role}" d="M{LEFT} {middle:g}h{PLOT}"/>',
    ]


def unit_text(channel, y):
    return f'<text x="2" y="{y:g}">{escape(symbol(channel))}</text>'


def boolean(_, values, y, role):
    path = "".join(f"M{across(a):g} {y}H{across(b):g}v{BOOLEAN}H{across(a):g}z" for a, b, v in spans(values) if v == "1")
    body = [f'<path class="grid" d="M{LEFT} {y + BOOLEAN}H{LEFT + PLOT}"/>']
    return BOOLEAN, body + ([f'<path class="{role} on" d="{path}"/>'] if path else [])


def button(_, values, y, role):
    path = "".join(f"M{across(at) - 1.5:g} {y}h3v{BUTTON}h-3z" for at, value in values if value not in ("0", ""))
    body = [f'<path class="grid" d="M{LEFT} {y + BUTTON}H{LEFT + PLOT}"/>']
    return BUTTON, body + ([f'<path class="{role} on" d="{path}"/>'] if path else [])


def choice(channel, values, y, role):
    options = options_of(channel)
    rung = {option: y + OPTION * (len(options) - 1 - index) + OPTION / 2 for index, option in enumerate(options)}
    points = [(across(a), rung[v]) for a, _, v in spans(values)]
    body = [f'<text class="end" x="{LEFT - 6}" y="{where + 4:g}">{escape(option)}</text>' for option, where in rung.items()]
    lines = "".join(f"M{LEFT} {where:g}h{PLOT}" for where in rung.values())
    body += [f'<path class="grid" d="{lines}"/>', f'<path class="{role}" d="{trail(points, True)}"/>']
    return OPTION * len(options), body


def spans(values):
    """The times between changes: from, to, value."""
    changes = [value for index, value in enumerate(values) if index == 0 or values[index - 1][1] != value[1]]
    ends = [at for at, _ in changes[1:]] + [DAY]
    return [(at, end, value) for (at, value), end in zip(changes, ends)]


def thinned(points):
    """What can be seen: of the values at one place on the axis the lowest, the highest and the last."""
    places = {}
    for point in points:
        places.setdefault(int(point[0] / DAY * PLACES), []).append(point)
    seen = []
    for group in places.values():
        value = lambda point: point[1]
        seen += sorted({min(group, key=value), max(group, key=value), group[-1]})
    return seen


def trail(points, steps):
    """A path; with steps each value holds until the next, and the last to the end of the day."""
    x, y = points[0]
    path = f"M{x:.1f} {y:.1f}"
    for x, y in points[1:]:
        path += f"H{x:.1f}V{y:.1f}" if steps else f"L{x:.1f} {y:.1f}"
    return path + f"H{LEFT + PLOT}"


def across(seconds):
    return round(LEFT + seconds / DAY * PLOT, 1)


def short(value):
    return f"{value / 1000:.4g}k" if abs(value) >= 10_000 else f"{value:.4g}"


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


main()
