#!/usr/bin/env bash
# Installs what a target of the Makefile lacks on a Debian machine that has Rust, and says what and why.
# Touches nothing that is there already; a second run only looks.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-}
case $purpose in
demo | test | test-ble | check | bench | firmware | pictures) ;;
*) echo "usage: scripts/setup.sh demo|test|test-ble|check|bench|firmware|pictures" >&2 && exit 2 ;;
esac

CARGO_DENY=0.20.2
missing=()
as_root=()

# need COMMAND PACKAGE WHY...: notes the package if the command is not there.
need() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || note "$2" "${*:3}"
}

# need_package PACKAGE WHY...: the same for a package that has no command of its own.
need_package() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] || note "$1" "${*:2}"
}

note() {
    case " ${missing[*]-} " in *" $1 "*) return ;; esac
    [ ${#missing[@]} -gt 0 ] || echo "setup: this machine lacks"
    printf '  %-18s %s\n' "$1" "${*:2}"
    missing+=("$1")
}

install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || {
        echo "setup: no apt-get here; install the above by hand and run again" >&2
        exit 3
    }
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "setup: neither root nor sudo; ask an administrator for: apt-get install ${missing[*]}" >&2
            exit 3
        }
        as_root=(sudo)
    fi
    echo "setup: installing with apt-get"
    hold_services
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null
    release_services
}

# The program starts servers of its own, privately. Debian would start its system-wide ones at installation and at
# every boot; somebody who only wants the demo has not asked for that.
policy=/usr/sbin/policy-rc.d
holding=false
hold_services() {
    [ -e $policy ] && return
    holding=true
    trap release_services EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
}

release_services() {
    if $holding; then
        "${as_root[@]}" rm -f $policy
        holding=false
    fi
    [ -d /run/systemd/system ] || return 0
    local service
    for service in prosody ejabberd; do
        case " ${missing[*]} " in
        *" $service "*) "${as_root[@]}" systemctl disable --quiet "$service" || true ;;
        esac
    done
}

# Whether the core libraries for riscv32 are there, or come by rustup, which is the smaller download.
riscv_target() {
    local target sysroot
    sysroot=$(rustc --print sysroot)
    for target in riscv32imc-unknown-none-elf riscv32imac-unknown-none-elf; do
        [ -d "$sysroot/lib/rustlib/$target" ] && continue
        dpkg-query -W rustc-web rust-web-src >/dev/null 2>&1 && return 1
        command -v rustup >/dev/null || return 1
        echo "setup: adding the core library for $target with rustup"
        timeout 120 rustup --quiet target add $target || return 1
    done
}

# What builds the firmware.
firmware() {
    need clang clang "compiler of the firmware's TLS"
    need_package libclang-dev "the same, for its bindings"
    need cmake cmake "what builds that"
    need ninja ninja-build "the same"
    if ! riscv_target; then
        need_package rustc-web "compiler whose library source Debian has, for riscv32 without rustup"
        need_package rust-web-src "source of core and alloc for riscv32"
        compgen -G "$(rustc --print sysroot)/lib/rustlib/*/bin/rust-lld" >/dev/null ||
            need ld.lld-19 lld-19 "linker for riscv32"
    fi
}

# What the Python tests need, pinned.
python_environment() {
    local requirements=tests/requirements.txt
    cmp -s $requirements .venv/requirements.txt && return
    echo "setup: installing $(grep -c == $requirements) Python packages of $requirements into .venv"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r $requirements
    cp $requirements .venv/requirements.txt
}

cargo_deny() {
    command -v cargo-deny >/dev/null && return
    [ -x .cache/cargo-deny/bin/cargo-deny ] && return
    echo "setup: building cargo-deny $CARGO_DENY into .cache (checks licences, bans and sources; some minutes, once)"
    # Debug code is as good for a run of a second, and builds in a third of the time.
    CARGO_PROFILE_DEV_DEBUG=false CARGO_TARGET_DIR=.cache/cargo-deny/target \
        cargo install --quiet --locked --debug --root .cache/cargo-deny --version $CARGO_DENY cargo-deny
    rm -rf .cache/cargo-deny/target
}

command -v cargo >/dev/null || {
    echo "setup: Rust is missing; install it from https://rustup.rs" >&2
    exit 3
}
need cc gcc "linker for Rust programs"
[ -e /usr/include/stdio.h ] || note libc6-dev "C library to link against"

case $purpose in
demo)
    need prosody prosody "the private XMPP server of the demo"
    need openssl openssl "certificates of that server"
    ;;
pictures)
    need prosody prosody "the private XMPP server of the demo that is drawn"
    need openssl openssl "certificates of that server"
    need python3 python3 "the scripts that draw"
    ;;
bench)
    need prosody prosody "server under measurement"
    need ejabberdctl ejabberd "server under measurement"
    need tsung tsung "load generator to compare with"
    need openssl openssl "certificates of those servers"
    python3 -c 'import ensurepip' 2>/dev/null || note python3-venv "environment of the virtual air"
    need qemu-system-riscv32 qemu-system-misc "machine for the firmware"
    need nm binutils "sizes of its parts"
    firmware
    ;;
test)
    need prosody prosody "server of the journeys"
    need ejabberdctl ejabberd "server of the journeys"
    need openssl openssl "certificates of those servers"
    python3 -c 'import ensurepip' 2>/dev/null || note python3-venv "environment of the independent client"
    need curl curl "an example of docs/CONTROL.md"
    need node nodejs "another one"
    need tmux tmux "terminal of the dashboard's tests"
    need qemu-system-riscv32 qemu-system-misc "machine for the riscv32 golden trace and the firmware"
    firmware
    ;;
test-ble)
    need prosody prosody "server that the guest's devices reach"
    need openssl openssl "certificate of that server"
    python3 -c 'import ensurepip' 2>/dev/null || note python3-venv "environment of the owner who mirrors"
    need qemu-system-x86_64 qemu-system-x86 "machine for the guest"
    need mmdebstrap mmdebstrap "unpacks the guest from Debian packages"
    need depmod kmod "chooses the guest's kernel modules"
    need cpio cpio "packs the guest"
    need strip binutils "leaves symbols out of the program that the guest loads"
    ;;
firmware) firmware ;;
check) ;;
esac

install_missing
case $purpose in test | test-ble | bench) python_environment ;; esac
if [ "$purpose" = check ]; then cargo_deny; fi
