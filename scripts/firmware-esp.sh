#!/bin/sh
# Builds the firmware's program for a chip, puts it together with a device definition, and says how large that is.
#
#   scripts/firmware-esp.sh CHIP DEFINITION [thingfleet-pack's options]   one image, into target/firmware
#   scripts/firmware-esp.sh budget                                         every image of firmware/esp/budget.txt,
#                                                                          each held to its figures
#   scripts/firmware-esp.sh programs                                       the programs of those, and no image
#
# The program is the same for every device, so a second definition takes no second build of it.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
for tool in clang cmake ninja; do
    command -v $tool >/dev/null || {
        echo "$tool is missing, which TLS is built with: apt-get install clang libclang-dev cmake ninja-build" >&2
        exit 3
    }
done
target_directory=${CARGO_TARGET_DIR:-$root/target}
out=$target_directory/firmware

# program CHIP: builds its program and prints where it is.
program() (
    case $1 in
    esp32c3) target=riscv32imc-unknown-none-elf ;;
    esp32c6) target=riscv32imac-unknown-none-elf ;;
    esp32) target=xtensa-esp32-none-elf ;;
    *) echo "CHIP is esp32c3, esp32c6 or esp32" >&2 && exit 2 ;;
    esac
    if [ "$1" = esp32 ]; then
        # Its compiler is Espressif's own, with the core library's source: docs/FIRMWARE.md.
        rustup toolchain list 2>/dev/null | grep -q '^esp' || {
            echo "the ESP32's compiler is missing: cargo install espup && espup install (docs/FIRMWARE.md)" >&2
            exit 3
        }
        set -- "$1" +esp -Z build-std=core,alloc
    else
        environment=$(scripts/riscv-sysroot.sh $target)
        eval "$environment"
    fi
    # TLS as small as clang makes it; its build takes flags in no other way.
    export CCC_OVERRIDE_OPTIONS='# +-Oz'
    # Calls that the linker may shorten save a twentieth. Rust's compiler warns that this feature of it is not stable.
    case $target in
    riscv*)
        name=CARGO_TARGET_$(printf '%s' $target | tr 'a-z-' 'A-Z_')_RUSTFLAGS
        eval "export $name=\"\${$name-} -Ctarget-feature=+relax\""
        ;;
    esac
    chip=$1 toolchain=
    shift
    case ${1:-} in +*) toolchain=$1 && shift ;; esac
    export CARGO_TARGET_DIR="$target_directory/riscv"
    (cd firmware/esp && cargo $toolchain build --quiet --locked --release "$@" --target $target \
        --no-default-features --features "$chip") >&2
    echo "$CARGO_TARGET_DIR/$target/release/thingfleet-esp"
)

# pack CHIP PROGRAM DEFINITION OPTIONS...: puts them together.
pack() {
    chip=$1 elf=$2 definition=$3
    shift 3
    "$target_directory/debug/thingfleet-pack" "$definition" --chip "$chip" --program "$elf" \
        --partitions firmware/esp/partitions.csv --out "$out" "$@"
}

budgeted="esp32c3 esp32c6"
if [ "${1:-}" = programs ]; then
    for chip in $budgeted; do program "$chip"; done
    exit
fi
if [ "${1:-}" = budget ]; then
    # With the features that the tests of the workspace have, which have built it then.
    cargo build --quiet --locked --workspace --bin thingfleet-pack
    over=
    for chip in $budgeted; do
        elf=$(program "$chip")
        for definition in kettle thermostat board; do
            pack $chip "$elf" devices/$definition.yaml --authority firmware/esp/roots.pem \
                --budget firmware/esp/budget.txt || over="$over $chip/$definition"
        done
    done
    if [ -n "$over" ]; then
        echo "images that do not keep to firmware/esp/budget.txt:$over"
        exit 1
    fi
    echo "6 images for 2 chips keep to firmware/esp/budget.txt"
    exit
fi

chip=${1:?CHIP} definition=${2:?DEFINITION}
shift 2
elf=$(program "$chip")
cargo build --quiet --locked --package thingfleet-pack
pack "$chip" "$elf" "$definition" "$@"
