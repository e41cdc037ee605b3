#!/bin/sh
# Proves that the device core computes the same on a microcontroller: builds it for the instruction set of the ESP32-C3
# (no atomics, no floating-point unit), runs the golden trace on QEMU and compares it with the file the native test holds.
set -eu
cd "$(dirname "$0")/.."
target=riscv32imc-unknown-none-elf
golden=crates/device/tests/golden/trace.csv
command -v qemu-system-riscv32 >/dev/null || {
    echo "qemu-system-riscv32 is missing: apt-get install qemu-system-misc" >&2
    exit 3
}
environment=$(scripts/riscv-sysroot.sh)
eval "$environment"
build=${CARGO_TARGET_DIR:-$PWD/target}/riscv
export CARGO_TARGET_DIR="$build"

(cd firmware/virt && cargo build --quiet --locked --release --target "$target")
# QEMU runs in its own time; the limit is there for an image that hangs.
timeout 120 qemu-system-riscv32 -M virt -m 16M -bios none -display none -monitor none -serial stdio \
    -kernel "$build/$target/release/trace" </dev/null >"$build/trace.csv"
cmp "$build/trace.csv" "$golden"
echo "riscv32 prints the golden trace: $(wc -l <"$golden") lines, $(sha1sum <"$golden" | cut -c1-40)"
