.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Python compiles a module when it first imports it and keeps the result. To compile all 20,000 modules of the
# libraries during the installation takes two minutes, and most of them are never imported.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
# One torch thread in each of the two test processes: more threads than free cores slow each other down.
PYTEST := env OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: help demo test check trust trials lint types durations format docs wheel lowest clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	touch .venv/installed $@

demo: .venv/installed  ## run the demo study; prints a table and the path of the report
	$(BIN)/unipref demo

# Runs tests while mypy, which uses one core for a minute, checks the types; its output comes after that of the tests.
# The status is 0 only if both succeed.
define test_beside_types
	@$(BIN)/mypy > .venv/types.log 2>&1 & types=$$!; \
	trap 'kill $$types 2> /dev/null; exit 130' INT TERM; \
	$(PYTEST) $(1); tests=$$?; \
	wait $$types; types=$$?; \
	echo "$(BIN)/mypy"; cat .venv/types.log; \
	test $$tests -eq 0 && test $$types -eq 0
endef

test: .venv/installed-dev lint  ## run lint, type checks and all tests
	$(call test_beside_types)

check: .venv/installed-dev lint  ## run lint, type checks and the tests of at most .1 CPU seconds per function
	$(call test_beside_types,-m "not slow" --fast)

durations: .venv/installed-dev  ## measure which tests `make check` leaves out (tests/cpu_seconds.json)
	$(PYTEST) --write-seconds

trust: .venv/installed-dev  ## run the campaigns of docs/trust.md, about two hours (TRUST="--scale 0.1 --only kills")
	OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false PYTHONPATH=tests $(BIN)/python -m trust --out trust.json $(TRUST)

trials: .venv/installed-dev  ## run the tests on random inputs with several times as many inputs as in `make test`
	UNIPREF_TRIALS=full $(PYTEST) $$(grep -rl --include='test_*.py' trials.count tests)

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: .venv/installed-dev
	$(BIN)/mypy

format: .venv/installed-dev  ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/installed-dev  ## write the pages that are made from the code, and build the documentation into site/
	for page in docs/generate*.py; do $(BIN)/python $$page || exit 1; done
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

.venv/installed-release: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) build uv
	touch $@

wheel: .venv/installed-release  ## build the packages into dist/, install the wheel in a new environment and run it there
	rm -rf dist .venv/wheel
	$(BIN)/python -m build
	$(PYTHON) -m venv .venv/wheel
	.venv/wheel/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
	    --constraint constraints.txt dist/unipref-*.whl
	PYTHONPATH=tests .venv/wheel/bin/python -P tests/support/try_wheel.py

# The lowest versions that pyproject.toml allows. LOWEST="--override FILE" replaces some, such as a torch without CUDA.
LOWEST_PYTHON := .venv/lowest/bin/python
lowest: .venv/installed-release  ## run the fast tests of some folders with the lowest versions of the dependencies
	$(BIN)/uv venv --quiet --clear .venv/lowest
	$(BIN)/uv pip install --quiet --python $(LOWEST_PYTHON) --resolution lowest-direct $(LOWEST) --editable .
	$(BIN)/uv pip install --quiet --python $(LOWEST_PYTHON) $(LOWEST) --editable . \
	    pytest pytest-xdist hypothesis jsonschema pandas
	$(LOWEST_PYTHON) -m pytest -q -m "not slow" tests/select tests/sources tests/train/trainers tests/unify/formats

clean:  ## remove the environment, caches and the demo
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist site demo src/*.egg-info
