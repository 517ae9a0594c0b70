# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
VENV := .venv
PYTHON := $(VENV)/bin/python
SETUP := bash scripts/setup.sh

# A stamp says that a step of the set-up is done. Those of the environment live and go with it, that
# of the module with its build folder.
STAMPS := $(VENV)/stamps
SCENES := .venv-scenes/ready
MODULE := build/installed
MODULE_SOURCES := CMakeLists.txt $(shell find include lib grc python/semisac models -type f \
	-not -name '*.pyc' 2>/dev/null)

.PHONY: help setup loopback train-env check test sanitize bench scenes-env clean check-place
.DELETE_ON_ERROR:

help:
	@echo 'make loopback [ARGS="..."]  set up what is missing, then send images through the learned link'
	@echo 'make check                  set up what is missing, then run all checks and the fast tests'
	@echo 'make test                   set up what is missing, then run all checks and tests'
	@echo 'make sanitize               set up what is missing, then run the C++ blocks under sanitizers'
	@echo 'make train-env              set up what is missing, with PyTorch: to train, export and redraw figures'
	@echo 'make bench [ARGS="..."]     set up what is missing, then measure against the peers'
	@echo 'make setup                  set up what is missing: packages, $(VENV), the GNU Radio module'
	@echo 'make scenes-env             set up .venv-scenes, which `semisac data scenes` runs in'
	@echo 'make clean                  remove the build folder and caches; $(VENV) stays'

setup: check-place $(STAMPS)/runtime $(MODULE)

loopback: setup
	@$(PYTHON) apps/run_loopback.py $(ARGS)

train-env: setup $(STAMPS)/development

check: setup $(STAMPS)/development
	@bash scripts/test.sh fast

test: setup $(STAMPS)/development
	@bash scripts/test.sh

sanitize: setup $(STAMPS)/development
	@bash scripts/sanitize.sh

bench: setup $(STAMPS)/development
	@$(PYTHON) benchmarks/run.py $(ARGS)

scenes-env: $(SCENES)

clean:
	rm -rf build build-sanitize .pytest_cache .ruff_cache python/semisac.egg-info
	find apps benchmarks python tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# An environment holds absolute paths: it does not survive a move of the folder.
check-place:
	@place=$$(cat $(STAMPS)/venv 2>/dev/null); \
	if [ -n "$$place" ] && [ "$$place" != "$(CURDIR)" ]; then \
		echo "set-up: $(VENV) was made for $$place, this is $(CURDIR); remove it (rm -rf $(VENV) build)" \
			"and run again" >&2; exit 1; \
	fi

$(STAMPS)/system: scripts/apt-packages.txt
	@$(SETUP) system
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/venv: $(STAMPS)/system scripts/setup.sh
	@$(SETUP) venv
	@echo '$(CURDIR)' > $@

$(STAMPS)/runtime: $(STAMPS)/venv pyproject.toml
	@$(SETUP) python radio
	@touch $@

$(STAMPS)/development: $(STAMPS)/runtime scripts/install_torch.py scripts/training-apt-packages.txt
	@$(SETUP) torch
	@$(SETUP) python radio,train,test,cluster
	@touch $@

$(MODULE): $(STAMPS)/venv $(MODULE_SOURCES)
	@$(SETUP) module
	@touch $@

$(SCENES): scripts/scenes-requirements.txt scripts/scenes-apt-packages.txt
	@$(SETUP) scenes
	@touch $@
