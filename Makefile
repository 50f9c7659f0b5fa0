# What a newcomer needs: `make demo` and `make test`. Both make the environment first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := src tests benchmarks tools examples
# The files that hold long proofs: collecting the others takes longer than some proofs.
PROOFS = $(shell grep -rlE 'mark\.slow' tests --include='test_*.py')
# Each process of a test run would compile every test anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-slow check bench format clean

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed; name it with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## the main job on embedded parts, offline
	$(BIN)/evaltrail demo

test: $(READY) ## the fast tests
	$(BIN)/python -m pytest -q -n 4 --dist worksteal

test-slow: $(READY) ## the bounded long proofs
	$(BIN)/python -m pytest -q -m slow -n 4 --dist loadfile --no-loadscope-reorder $(PROOFS)

check: $(READY) ## linters, types, floors, the house's figures
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/house.py

bench: $(READY) ## engine and landing beside their floors; prints a table
	$(BIN)/python benchmarks/bench.py

format: $(READY)
	$(BIN)/ruff check --fix --quiet $(SOURCES) || true
	$(BIN)/ruff format --quiet $(SOURCES)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist mlflow.db mlruns mlartifacts
