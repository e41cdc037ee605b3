"""The manifests for Kubernetes, held against its own schemas, and what they run against the program."""

import subprocess

import kubernetes_validate
import pytest
from ruamel.yaml import YAML
from test_schema import BINARY, ROOT

MANIFESTS = [
    (path.name, manifest)
    for path in sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
    for manifest in YAML(typ="safe").load_all(path.read_text())
]


@pytest.mark.parametrize("name, manifest", MANIFESTS, ids=[f"{name}-{one['kind']}" for name, one in MANIFESTS])
def test_kubernetes_takes_every_manifest(name, manifest):
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_the_job_runs_all_parts_of_a_profile_that_is_good(tmp_path):
    by_kind = {manifest["kind"]: manifest for _, manifest in MANIFESTS}
    job = by_kind["Job"]["spec"]
    container = job["template"]["spec"]["containers"][0]
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert int(environment["THINGFLEET_SHARDS"]) == job["completions"] == job["parallelism"]
    assert job["completionMode"] == "Indexed"

    for file, text in by_kind["ConfigMap"]["data"].items():
        profile = tmp_path / file
        profile.write_text(text)
        checked = subprocess.run([BINARY, "check", profile], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
    assert container["args"][:2] == ["load", "/profile/load.yaml"]
