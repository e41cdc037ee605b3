#!/usr/bin/env bash
# Everything that reads the tree and runs nothing of it: format, lints, dependencies, documentation.
#
# ADVISORIES=auto (default) looks for known vulnerabilities where the advisory database can be reached,
# ADVISORIES=require fails where it cannot, ADVISORIES=skip does not look.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH=$PWD/.cache/cargo-deny/bin:$PATH
export CARGO_TERM_PROGRESS_WHEN=never
database=https://github.com/rustsec/advisory-db

step() { printf '\n== %s\n' "$*"; }

step format
cargo fmt --all --check
for workspace in firmware/virt firmware/esp; do cargo fmt --all --manifest-path $workspace/Cargo.toml --check; done

step lints
cargo clippy --workspace --all-targets --features thingfleet/otlp --quiet -- -D warnings

step "licences, bans, sources"
for workspace in . firmware/virt firmware/esp; do
    cargo deny --log-level error --manifest-path $workspace/Cargo.toml --config deny.toml \
        check --hide-inclusion-graph licenses bans sources
done

step advisories
case ${ADVISORIES:-auto} in
skip) echo "not looked for: ADVISORIES=skip" ;;
require) cargo deny --log-level error check advisories ;;
auto)
    if GIT_TERMINAL_PROMPT=0 timeout 15 git ls-remote --quiet $database HEAD >/dev/null 2>&1; then
        cargo deny --log-level error check advisories
    else
        echo "not looked for: $database cannot be reached from here"
    fi
    ;;
*) echo "ADVISORIES is auto, require or skip" >&2 && exit 2 ;;
esac

step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

printf '\ncheck: all passed in %s s\n' "$SECONDS"
