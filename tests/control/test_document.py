"""The interface against its own OpenAPI document: requests that a generator makes of it, good ones and bad ones."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

# Waits longer than this say nothing that a short one does not.
LONGEST_WAIT = 0.05
DEADLINE = 120.0


def test_generated_requests_are_answered_as_the_document_says(fleet, tmp_path):
    request = urllib.request.Request(f"{fleet.url}/openapi.json")
    request.add_header("Authorization", f"Bearer {fleet.token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        document = json.load(answer)
    timeout = document["components"]["schemas"]["Wait"]["properties"]["timeout_seconds"]
    timeout |= {"maximum": LONGEST_WAIT, "default": LONGEST_WAIT}
    # Without one it waits for half a minute.
    document["components"]["schemas"]["Wait"]["required"] = ["condition", "timeout_seconds"]
    # Streams that do not end; feeds.rs beside this reads them.
    del document["paths"]["/v1/events"]
    del document["paths"]["/v1/devices/{device}/traffic"]
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    command = [
        *(Path(sys.executable).with_name("schemathesis"), "run", file, "--url", fleet.url),
        *("--header", f"Authorization: Bearer {fleet.token}"),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--generation-deterministic"),
        # A condition, a channel or a definition of random letters is refused, and rightly so.
        *("--exclude-checks", "positive_data_acceptance"),
        *("--request-timeout", "10"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
