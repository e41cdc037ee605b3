# Everything a person or a CI machine types. Each target first installs what it lacks, and says so.

.PHONY: help demo test test-ble soak fuzz check check-firmware bench firmware test-firmware flash docs-pictures
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

fuzz: ## look for bytes that break a reader, a stream or the store; FOR=60 seconds each, TARGETS="stream flash"
	cargo run --release --quiet --package thingfleet-fuzz --bin search -- $(or $(FOR),60) $(TARGETS)

check: ## format, lints, licences and bans, documentation without warnings
	@scripts/setup.sh check
	@scripts/check.sh

check-firmware: ## the lints of the parts that are built for riscv32 only, where rustup has its core library
	@scripts/setup.sh firmware
	@scripts/check-firmware.sh

bench: ## measure against the hand-written lower bounds
	@scripts/setup.sh bench
	@scripts/bench.sh

CHIP ?= esp32c3
DEVICE ?= devices/kettle.yaml
AUTHORITY ?= firmware/esp/roots.pem
PACK_OPTIONS = --authority $(AUTHORITY) $(if $(NAME),--name $(NAME)) $(if $(SERIAL),--serial $(SERIAL)) \
	$(if $(SERVER),--server $(SERVER)) $(if $(LIGHT),--light $(LIGHT)) $(if $(BUTTON),--button $(BUTTON)) $(PACK)

firmware: ## an image for an ESP32: DEVICE=devices/kettle.yaml CHIP=esp32c3 (docs/FIRMWARE.md)
	@scripts/setup.sh firmware
	@scripts/firmware-esp.sh $(CHIP) $(DEVICE) $(PACK_OPTIONS)

test-firmware: ## three devices as images for two chips, each held to firmware/esp/budget.txt
	@scripts/setup.sh firmware
	@scripts/firmware-esp.sh budget

flash: firmware ## write that image to the board at PORT, and show its log
	@scripts/flash.sh $(CHIP) $(DEVICE) $(or $(PORT),auto) $(NAME)

docs-pictures: ## draw the pictures of README.md and docs/ and write their tables anew, from the program itself
	@scripts/setup.sh pictures
	@scripts/pictures.sh
