# Budstikke. `make` alone tells what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help demo run test check bench faults install clean

help:          ## this list
	@grep -hE '^[a-z]+: .*##|^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Budstikke needs Python 3.11 or newer; set PYTHON=/path/to/it")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "the venv module is missing: apt-get install python3-venv"; exit 1; }
	@echo "installing Budstikke and what it needs into $(VENV) (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,check]'
	@touch $(STAMP)

install: $(STAMP)  ## make the virtual environment and install into it

demo: $(STAMP)     ## start everything, send samples, show what became of each
	@$(BIN)/budstikke demo

run: $(STAMP)      ## the demo site, kept running with its stand-in journal
	@$(BIN)/budstikke demo --keep-running

test: $(STAMP)     ## all tests, as CI runs them
	@$(BIN)/python -m pytest

check: $(STAMP)    ## style, types, structure, config
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy --strict engine && $(BIN)/python -m pytest tests/test_architecture.py && $(BIN)/budstikke check

bench: $(STAMP)    ## the figures: ratios in one run, medians of alternating rounds
	@$(BIN)/python -m pytest tests/performance -m performance -s --timeout 1800

clean:             ## remove what make made
	rm -rf $(VENV) .demo build *.egg-info

faults: $(STAMP)   ## the long crash test: 200 kills under load, the oracle watching
	@BUDSTIKKE_KILLS=200 $(BIN)/python -m pytest tests/faults -s
