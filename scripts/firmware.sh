#!/bin/sh
# Builds the programs for QEMU's riscv32 machine with the instruction set of the ESP32-C3 (no atomics, no floating-point
# unit): `trace` and `bodies`, which scripts/riscv-trace.sh runs, and `device`, which is whatever device lies in the
# machine's flash (tests/firmware/machines.py). Says where that is and how large.
set -eu
cd "$(dirname "$0")/.."
target=riscv32imc-unknown-none-elf
for tool in clang cmake ninja; do
    command -v $tool >/dev/null || {
        echo "$tool is missing, which TLS is built with: apt-get install clang libclang-dev cmake ninja-build" >&2
        exit 3
    }
done
environment=$(scripts/riscv-sysroot.sh)
eval "$environment"
build=${CARGO_TARGET_DIR:-$PWD/target}/riscv
export CARGO_TARGET_DIR="$build"

cd firmware/virt
# The timers of `bodies` are not those of a real device, so the two are built each by itself.
cargo build --quiet --locked --release --features bodies --bin trace --bin bodies --target "$target"
cargo build --quiet --locked --release --features board --bin device --target "$target"
image=$build/$target/release/device
echo "$image: $(size "$image" | awk 'NR == 2 { print $1 + $2 }') bytes of code and data"
