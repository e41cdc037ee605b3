# Everything a person or a CI machine types. Each target first installs what it lacks, and says so.

.PHONY: help demo test test-ble soak check bench docs-pictures
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: ## run the demo fleet on a private server; FOR=20s ends it by itself
	@scripts/setup.sh demo
	@scripts/demo.sh $(if $(FOR),--for $(FOR))

test: ## unit and property tests, the riscv32 trace, journeys on Prosody and ejabberd
	@scripts/setup.sh test
	@scripts/test.sh

test-ble: ## peripherals on a real bluetoothd with virtual controllers, in a Debian guest in QEMU
	@scripts/setup.sh test-ble
	@scripts/test-ble.sh

soak: ## two thousand sessions that come and go for half an hour, in memory that does not grow; for the night
	@scripts/setup.sh test
	THINGFLEET_SOAK_SESSIONS=2000 THINGFLEET_SOAK_SECONDS=1800 cargo test --release --test load -- soak

check: ## format, lints, licences and bans, documentation without warnings
	@scripts/setup.sh check
	@scripts/check.sh

bench: ## measure against the hand-written lower bounds
	@scripts/setup.sh bench
	@scripts/bench.sh

docs-pictures: ## draw the pictures of README.md and docs/ and write their tables anew, from the program itself
	@scripts/setup.sh pictures
	@scripts/pictures.sh
