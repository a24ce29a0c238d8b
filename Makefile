.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Compiled modules are kept: tests start hundreds of processes.
# One torch thread in each of the two test processes: more threads than free cores slow each other down.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: help demo test check trust lint types format docs clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable '.[dev]'
	touch $@

demo: .venv/installed  ## run the demo study; prints a table and the path of the report
	$(BIN)/unipref demo

test: .venv/installed-dev lint types  ## run lint, type checks and all tests
	$(PYTEST)

check: .venv/installed-dev lint types  ## run lint, type checks and the fast tests
	$(PYTEST) -m "not slow"

trust: .venv/installed-dev  ## run the campaigns of docs/trust.md, about two hours (TRUST="--scale 0.1 --only kills")
	OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false PYTHONPATH=tests $(BIN)/python -m trust --out trust.json $(TRUST)

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: .venv/installed-dev
	$(BIN)/mypy

format: .venv/installed-dev  ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/installed-dev  ## regenerate docs/choices.md, docs/exports.md and docs/licences.md
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/generate_exports.py
	$(BIN)/python docs/generate_licences.py

clean:  ## remove the environment, caches and the demo
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist demo src/*.egg-info
