# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadscope

.PHONY: run test test-all slow check docs setup

run: setup
	$(BIN)/python -m mammo_core serve

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
	$(BIN)/basedpyright

# The documentation as a site in site/; a broken link fails the build.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

setup: $(READY)

$(READY): requirements.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Expected Python 3.11 or newer; got %s. Use: make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $(READY)
