# Every task, by name. `make` alone lists them. Everything made lies under build/.

.DEFAULT_GOAL := help
.PHONY: help setup demo board-demo test test-slow test-boards firmware provision deploy lint powercut fuzz soak fleet size \
	bench mpy clean

PYTHON ?= python3
VENV := build/venv/bin
ARGS ?=
METERS ?= 500
COUNT ?= 1000

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##\(.*\)/make \1\t\2/p' Makefile | expand -t 16

setup:  ## virtual environment, mpy-cross and MicroPython's Unix ports, under build/
	@$(PYTHON) -m tools.prepare

demo: setup  ## two meters renew, change their key, enrol; ARGS="..." goes to tools.demo
	@$(VENV)/python -m tools.demo $(ARGS)

board-demo: setup  ## an emulated RP2040 makes its key, enrols, loses power in a write, renews
	@$(VENV)/python -m tools.rp2.demo $(ARGS)

test: setup  ## pytest: CPython, both Unix ports, both servers; ARGS="-k name" picks some
	@$(VENV)/python -m pytest -n 4 --dist worksteal --ignore=host_tests/boards $(ARGS)

test-slow: setup  ## the tests that make test leaves out: faults, cuts and lies in number, a small fleet, a soak
	@$(VENV)/python -m pytest -n 4 --dist worksteal --ignore=host_tests/boards -m "slow and not long" $(ARGS)

test-boards: setup  ## QEMU, rp2040js, MicroPython 1.29: portable tests, renewals over a UART, deploy, counts
	@$(VENV)/python -m tools.qemu.build || true
	@$(VENV)/python -m tools.rp2.machine || true
	@$(VENV)/python -m tools.wasm || true
	@$(VENV)/python -m pytest -n 2 --dist worksteal host_tests/boards $(ARGS)

firmware: setup  ## image of a board with everything frozen: BOARD=RP2040 (.uf2), QEMU_M0PLUS, QEMU_M3
	@$(VENV)/python -m tools.firmware $(BOARD)

provision: setup  ## device DEVICE= in build/devices, by STATE= (build/state); it makes its own key (or KEY=host)
	@$(VENV)/python -m tools.provision --init --state "$(or $(STATE),build/state)" --device "$(DEVICE)" \
		--out "build/devices/$(DEVICE)" $(if $(filter host,$(KEY)),,--bootstrap) $(ARGS)

deploy: setup  ## onto a board: BOARD=RPI_PICO_W PORT=/dev/ttyACM0 DEVICE=build/devices/NAME
	@$(VENV)/python -m tools.deploy --board "$(BOARD)" --port "$(PORT)" \
		$(if $(DEVICE),--device "$(DEVICE)") $(ARGS)

lint: setup  ## ruff, the import law, the constants
	@$(VENV)/ruff check .
	@$(VENV)/python -m tools.check_laws
	@$(VENV)/python -m tools.check_consts

powercut: setup  ## the store and the renewal agent lose power everywhere; ARGS="-k renew --second 9 --most 9"
	@$(VENV)/python -m host_tests.powercut $(ARGS)
	@$(VENV)/python -m host_tests.powercut.agent

fuzz: setup  ## mutated inputs for every parser, 10 million; ARGS="--minutes 10 --seed x --only answer --guided"
	@$(VENV)/python -m host_tests.fuzz $(ARGS)

fleet: setup  ## METERS=500 against one server: due together, CAs roll over, the server dies; HTML report
	@$(VENV)/python -m tools.fleet --meters "$(METERS)" $(ARGS)

soak: setup  ## a meter on the 32-bit port through COUNT=1000 renewals with faults, its heap after each
	@$(VENV)/python -m tools.soak --count "$(COUNT)" $(ARGS)

size: setup  ## flash, RAM, heap, stack and the state diagram into README.md; fails over a budget
	@$(VENV)/python -m tools.readme $(ARGS)

bench: setup  ## speed, growth and the wire, measured and written into README.md; ARGS="--check" only looks
	@$(VENV)/python -m tools.bench $(ARGS)

mpy: setup  ## firmware/ as bytecode (.mpy v6.3) in build/mpy
	@rm -rf build/mpy
	@$(VENV)/python -m tools.bytecode build/mpy
	@$(VENV)/python -m tools.package build/mpy

clean:  ## remove build/ and every cache
	rm -rf build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
