#!/usr/bin/env bash
# Runs the benchmarks; docs/PERFORMANCE.md says what their figures mean.
set -euo pipefail
cd "$(dirname "$0")/.."

exec cargo run --release --quiet --package thingfleet-bench -- "$@"
