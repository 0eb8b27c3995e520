# What a developer types. `make` alone lists it.
#
# The virtual environment is made on first use. PYTHON chooses the interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Node modules for the sandbox's amoCRM shell and the archive's checker; what cannot be had is said in one line.
NODE_MODULES := $(BIN)/python tools/node_modules.py
PIP    := PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq

# Tests wait for sockets, databases and time now and then, so two more than there are cores keep all of them busy. The
# longest files come first (tests/conftest.py); xdist's own order would leave them to the end.
WORKERS ?= $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 2)")

.DEFAULT_GOAL := help
.PHONY: help run test lint widget bench clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## start the service on the embedded database; with no channel configured, the sandbox too
	@$(NODE_MODULES) || true
	@exec $(BIN)/dealgram serve

test: lint ## everything that CI runs: lint, then all tests
	@$(BIN)/python tests/install_browser.py
	@$(NODE_MODULES) || true
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

widget: $(VENV)/.run ## build build/widget.zip and check it; CONFIG=FILE, RELEASE=1, AFTER=VERSION (docs/widget.md)
	@$(NODE_MODULES)
	@$(BIN)/dealgram widget build --out build/widget.zip $(if $(CONFIG),--config $(CONFIG)) $(if $(RELEASE),--release)
	@"$$($(NODE_MODULES) --node)" widget/check/main.mjs $(if $(RELEASE),--release) $(if $(AFTER),--after $(AFTER)) build/widget.zip

bench: $(VENV)/.dev ## measure; prints JSON (see docs/benchmarks.md)
	@$(BIN)/python benchmarks/runtime.py
	@$(BIN)/python benchmarks/mirror.py
	@$(BIN)/python benchmarks/burst.py

clean: ## remove the virtual environment, caches and build output; never the data
	rm -rf $(VENV) node_modules build dist test-results .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are older than pyproject.toml when its dependencies may have changed.
$(VENV)/.run: pyproject.toml $(VENV)/.made
	@echo "Installing dealgram …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.made
	@echo "Installing dealgram and its development tools …"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.run

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
		echo "dealgram needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is not one of them." >&2; \
		echo "Install one and name it: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "'$(PYTHON)' cannot make a virtual environment; on Debian and Ubuntu install the package python3-venv." >&2; \
		rm -rf $(VENV); exit 1; }
	@touch $@
