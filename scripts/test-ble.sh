#!/usr/bin/env bash
# The program as Bluetooth peripherals on a real bluetoothd, in a Debian guest with virtual controllers.
#
# Arguments go to pytest in the guest: scripts/test-ble.sh -k encrypted. THINGFLEET_ACCEL=tcg emulates also where
# KVM works, and THINGFLEET_GUEST_KEEP=DIRECTORY keeps a detailed log of bluetoothd.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_PROGRESS_WHEN=never
target=${CARGO_TARGET_DIR:-target}
profile=${THINGFLEET_PROFILE:-dev}

image=$(scripts/guest-image.sh)
cargo build --quiet --workspace --profile "$profile" --bin thingfleet
# Without what only a debugger wants it is in the guest's memory sooner.
program=$(mktemp)
trap 'rm -f "$program"' EXIT
strip -o "$program" "$target/${profile/dev/debug}/thingfleet"
chmod 755 "$program"

begun=$SECONDS
if .venv/bin/python tests/guest/host.py "$image" "$program" "$@"; then
    printf 'test-ble: all passed in %s s\n' "$((SECONDS - begun))"
else
    printf 'test-ble: FAILED (%s s)\n' "$((SECONDS - begun))"
    exit 1
fi
