#!/usr/bin/env bash
# The lints of what is built for riscv32 only: firmware/virt with firmware/tls, and firmware/esp for the ESP32-C3. They need
# the compiler's own core library for that target, by rustup: clippy is of one version with its compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

target=riscv32imc-unknown-none-elf
if ! rustup target list --installed 2>/dev/null | grep -qx $target; then
    echo "check-firmware: not looked at: rustup does not have $target here"
    exit
fi
export CARGO_TERM_PROGRESS_WHEN=never
# As scripts/firmware.sh and scripts/firmware-esp.sh have it, so that no C is compiled twice.
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")/riscv
export CARGO_TARGET_DIR

# lint WORKSPACE ARGUMENTS...
lint() (
    cd "firmware/$1"
    shift
    cargo clippy --quiet --locked --release --target $target "$@" -- -D warnings
)

lint virt --features bodies --lib --bin trace --bin bodies
lint virt --workspace --features board --lib --bin device
CCC_OVERRIDE_OPTIONS='# +-Oz' lint esp
echo "check-firmware: all passed in $SECONDS s"
