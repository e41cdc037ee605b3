#!/usr/bin/env bash
# Runs the demo; without a terminal there is nobody to look at a dashboard.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -t 1 ] || set -- --headless "$@"
exec cargo run --quiet --bin thingfleet -- demo "$@"
