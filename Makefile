# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist worksteal

# Tests start many processes: each would compile this project anew where no bytecode may be kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-all slow check docs setup

run: setup
	$(BIN)/mammo serve

# What a change must pass: formatting, lint, types and every test that does not only stress.
test: check
	$(PYTEST) -m "not slow"

# The long ones as well: thousands of mutations, growth, many visitors.
test-all: test slow

slow: setup
	$(PYTEST) -m slow

check: setup
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/basedpyright --threads 2

# The documentation as a site in site/; a broken link fails the build.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

setup: $(READY)

$(READY): pyproject.toml requirements.txt requirements-dev.txt tools/set_up.py
	$(PYTHON) tools/set_up.py
	touch $(READY)
