# Two commands matter: `make report` and `make test`. Each does all its own set-up.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MPLBACKEND := Agg

.PHONY: help setup report test test-all lint lock reference bench clean

help:  ## Show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(READY)  ## Make the virtual environment from the locked, hashed dependencies

$(READY): requirements.lock pyproject.toml tools/make_venv.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash tools/make_venv.sh
	@touch $(READY)

report: setup  ## Run the analyses and write their reports
	$(BIN)/cobalamin run analyses/onset
	$(BIN)/cobalamin run analyses/severity
	$(BIN)/cobalamin run analyses/published_evidence
	$(BIN)/cobalamin run analyses/nhanes_b12 --if-data-present

test: setup  ## Fast tests (under 8 minutes on 2 cores)
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow and not browser and not faults"

test-all: setup lint  ## Everything: also slow, browser and fault tests
	$(BIN)/python -m pytest -q -n auto --dist loadfile

lint: setup  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

reference: setup  ## Rerun the R scripts and check that they give the stored numbers
	$(BIN)/python tests/reference/rerun.py

bench: setup  ## Timings beside the peers
	$(BIN)/python -m tests.benchmarks

lock:  ## Rewrite the lock file (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --group dev pyproject.toml -o requirements.lock

clean:  ## Remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
