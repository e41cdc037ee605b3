"""The JSON Schema that editors get, held against the files people read by a validator nobody here wrote."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("THINGFLEET_BIN") or (
    Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "thingfleet"
)
FILES = {
    "definition": [*ROOT.glob("devices/*.yaml"), ROOT / "tests/journeys/board.yaml"],
    "profile": list(ROOT.glob("profiles/*.yaml")),
    "plan": list(ROOT.glob("profiles/faults/*.yaml")),
}


@pytest.fixture(scope="session")
def validators():
    """A validator for each kind of file."""
    made = {}
    for kind in FILES:
        printed = subprocess.run([BINARY, "schema", kind], capture_output=True, check=True).stdout
        schema = json.loads(printed)
        Draft202012Validator.check_schema(schema)
        made[kind] = Draft202012Validator(schema)
    return made


def complaints(validator, text):
    """What the validator says about a file; YAML 1.2, in which `off` is a word."""
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(YAML(typ="safe").load(text))]


@pytest.mark.parametrize(
    ("kind", "path"),
    [(kind, path) for kind, paths in FILES.items() for path in sorted(paths)],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_every_shipped_file_keeps_to_its_schema(validators, kind, path):
    assert complaints(validators[kind], path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "device: a\ntitle: A\nsensors: { t: { type: double } }\n",
        "device: a\ntitle: A\nsensors: { t: { type: float, unit: parsec } }\n",
        "device: a\ntitle: A\ncolour: red\n",
        "device: a\nsensors: { t: { type: float, publish: { every: 5 } } }\n",
    ],
    ids=["type", "unit", "key", "duration"],
)
def test_the_schema_refuses_what_the_program_refuses(validators, text, tmp_path):
    assert complaints(validators["definition"], text)
    path = tmp_path / "refused.yaml"
    path.write_text(text)
    assert subprocess.run([BINARY, "check", path], capture_output=True).returncode == 2
