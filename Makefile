# Everything happens in .venv; nothing outside this folder is touched.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

.PHONY: run setup test test-slow pytest lint types lock
.DELETE_ON_ERROR:
unexport PYTHONDONTWRITEBYTECODE  # some hundred processes start in the tests: each would compile the same modules

run: setup
	@[ -e models/digits/serving.json ] || .venv/bin/python -m training train --data digits --models models
	@exec .venv/bin/python -m service --models models --bind $(HOST):$(PORT)

setup: .venv/.ready

.venv/.ready: requirements/dev.lock pyproject.toml npserve/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "npserve needs Python 3.11 or newer as $(PYTHON): install it, or name yours with make PYTHON=/path/to/python3." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing: install it (on Debian and Ubuntu: apt install python3-venv), then run make again." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# All three at once: lint and types say a line each while the tests run.
test: setup
	@$(MAKE) --no-print-directory --jobs=3 --keep-going pytest lint types

# Four processes keep two cores busy: many tests wait for a deadline or for a server.
pytest: setup
	.venv/bin/python -m pytest -m "not slow" --numprocesses=4 --dist=worksteal

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: setup
	.venv/bin/mypy

test-slow: setup
	.venv/bin/python -m pytest -m slow --numprocesses=2 --dist=worksteal --timeout=600

# The lock files serve every platform and Python from 3.11 on; run this after changing a dependency in pyproject.toml.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
       --custom-compile-command "make lock" pyproject.toml
lock: setup
	.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(LOCK) --output-file requirements/service.lock
	$(LOCK) --output-file requirements/training.lock --extra training
	$(LOCK) --output-file requirements/dev.lock --all-extras --group build
