# Everything is installed into .venv; outside this folder only the caches of pip and uv change.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

.PHONY: run setup setup-tests test test-slow soak pytest lint types lock pictures
.DELETE_ON_ERROR:
unexport PYTHONDONTWRITEBYTECODE  # the tests start hundreds of processes: each would compile the same modules

run:
	@echo "npserve: http://$(HOST):$(PORT)"
	@$(MAKE) --no-print-directory --silent setup
	@[ -e models/digits/serving.json ] || { \
	  echo "Training on scikit-learn's handwritten digits, as models/digits has no version yet ..."; \
	  .venv/bin/python -m training train --data digits --models models; }
	@exec .venv/bin/python -m service --models models --bind $(HOST):$(PORT)

# setup installs the service and training. The checks need five times as much, which `make test` installs.
setup: .venv/.ready
setup-tests: .venv/.ready-for-tests

# uv installs in a tenth of pip's time; pip is the fallback, such as behind a mirror configured in pip.conf.
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check
install = .venv/bin/uv pip install --python .venv/bin/python --no-deps --require-hashes -r $(1) || $(PIP) --require-hashes -r $(1)

.venv/.installer: requirements/setup.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "npserve needs Python 3.11 or newer as $(PYTHON): install it, or name yours with make PYTHON=/path/to/python3." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing: install it (on Debian and Ubuntu: apt install python3-venv), then run make again." >&2; exit 2; }
	@echo "Creating the Python environment .venv ..."
	@$(PYTHON) -m venv .venv
	@echo "Installing uv ..."
	@$(PIP) --require-hashes -r requirements/setup.lock
	@touch $@

.venv/.ready: .venv/.installer requirements/training.lock pyproject.toml npserve/__init__.py
	@echo "Installing the libraries of the service and of training ..."
	@$(call install,requirements/training.lock)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.ready-for-tests: .venv/.ready requirements/dev.lock
	@echo "Installing the libraries of the tests ..."
	@$(call install,requirements/dev.lock)
	@touch $@

# All three at once: lint and types print one line each while the tests run.
test: setup-tests
	@$(MAKE) --no-print-directory --jobs=3 --keep-going pytest lint types

# Four processes keep two cores busy: many tests wait for a deadline or for a server.
pytest: setup-tests
	.venv/bin/python -m pytest -m "not slow" --numprocesses=4 --dist=worksteal

lint: setup-tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: setup-tests
	.venv/bin/mypy

test-slow: setup-tests
	.venv/bin/python -m pytest -m slow --numprocesses=2 --dist=worksteal --timeout=600
	@$(MAKE) --no-print-directory soak

# Mixed traffic while models change and workers die: MINUTES=60 before a release.
MINUTES ?= 5
soak: setup-tests
	.venv/bin/python -m tests.soak --minutes $(MINUTES)

# The lock files serve every platform and Python from 3.11 on; run this after changing a dependency in pyproject.toml.
# The others are constrained by dev.lock: what is tested is what is installed.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
       --custom-compile-command "make lock"
lock: setup
	$(LOCK) --output-file requirements/dev.lock pyproject.toml --all-extras --group setup
	$(LOCK) --output-file requirements/setup.lock --group setup --constraint requirements/dev.lock
	$(LOCK) --output-file requirements/service.lock pyproject.toml --constraint requirements/dev.lock
	$(LOCK) --output-file requirements/training.lock pyproject.toml --extra training --constraint requirements/dev.lock

# Screenshots for the README: the report of digits, and /docs of the server that `make run` has started.
CHROMIUM = chromium --headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars
pictures: setup
	$(CHROMIUM) --window-size=1000,1250 --screenshot=docs/pictures/report.png file://$(CURDIR)/models/digits/1/report.html
	$(CHROMIUM) --window-size=1000,1250 --screenshot=docs/pictures/page.png http://$(HOST):$(PORT)/docs
