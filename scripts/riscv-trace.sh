#!/bin/sh
# Proves that a device does the same on a microcontroller: runs the golden trace on QEMU with the instruction set of the
# ESP32-C3 and compares it with the file the native test holds; and lets the firmware's body live one hour of every device
# of the catalogue, which has to say what it says in simulated time.
set -eu
cd "$(dirname "$0")/.."
golden=crates/device/tests/golden/trace.csv
command -v qemu-system-riscv32 >/dev/null || {
    echo "qemu-system-riscv32 is missing: apt-get install qemu-system-misc" >&2
    exit 3
}
scripts/firmware.sh >&2
cargo build --quiet --workspace --example hour --example definitions
target=${CARGO_TARGET_DIR:-target}
programs=$target/riscv/riscv32imc-unknown-none-elf/release
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
examples=$target/debug/examples
"$examples/hour" >"$said/hour"
"$examples/definitions" >"$said/catalogue"
"$examples/definitions" crates/device/tests/golden/golden.yaml >"$said/golden"

# run PROGRAM DEFINITIONS: QEMU runs in its own time; the limit is there for a program that hangs.
run() {
    timeout 120 qemu-system-riscv32 -M virt -cpu rv32,a=off,f=off,d=off -m 16M -bios none -display none -monitor none \
        -serial stdio -device "loader,file=$said/$2,addr=0x80800000,force-raw=on" -kernel "$programs/$1" </dev/null >"$said/$1"
}

# same PROGRAM EXPECTED: or the first lines that differ.
same() {
    cmp -s "$said/$1" "$2" || {
        echo "$1 says something else on riscv32 (>) than here (<); first:" >&2
        diff "$2" "$said/$1" | head -n 4 >&2
        exit 1
    }
}

run trace golden
same trace "$golden"
echo "riscv32 prints the golden trace: $(wc -l <"$golden") lines, $(sha1sum <"$golden" | cut -c1-40)"
run bodies catalogue
same bodies "$said/hour"
echo "the firmware's body says the same as in simulated time: $(grep -c '^# ' "$said/hour") devices," \
    "$(wc -l <"$said/hour") lines, $(sha1sum <"$said/hour" | cut -c1-40)"
