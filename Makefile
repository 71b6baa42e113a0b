# Gongfu 工赋. `make` alone lists what there is.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml uv.lock $(wildcard frontend/package-lock.json) scripts/set-up
PYTEST := $(BIN)/pytest -q
JOBS ?= auto
NAME ?= path
export GONGFU_HOME ?= $(CURDIR)/.gongfu
# Where it is set, each of a node's processes would compile two thousand files again, which takes as long as the rest.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-sqlite test-postgresql check format bench docs set-up clean
.DEFAULT_GOAL := help

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.ready ## Run a whole node with its demonstration plant; stop with Ctrl-C
	@GONGFU_DEMONSTRATION=$${GONGFU_DEMONSTRATION:-true} $(BIN)/gongfu up

test: test-sqlite test-postgresql ## Run the whole suite, then what uses the database once more on PostgreSQL

test-sqlite: $(VENV)/.ready-dev ## Run the whole suite on SQLite
	@env -u GONGFU_HOME $(PYTEST) -n $(JOBS)

test-postgresql: $(VENV)/.ready-dev ## Run the tests that use the database on a real PostgreSQL
	@env -u GONGFU_HOME GONGFU_TEST_DATABASE=postgres $(PYTEST) -n $(JOBS) -m "database and not journey and not node"

check: $(VENV)/.ready-dev ## Style, types, architecture, migrations, translations, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gongfu messages --check
	$(BIN)/python -m django makemigrations --check --dry-run --settings gongfu.console.django_settings
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

format: $(VENV)/.ready-dev ## Put the code into the common form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.ready-dev ## Measure, for example: make bench NAME=pages
	@$(BIN)/gongfu bench $(NAME) --json

docs: $(VENV)/.ready-dev ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

set-up: $(VENV)/.ready-dev ## Install everything a developer needs into .venv

clean: ## Remove what was built; the node's state in .gongfu stays
	rm -rf $(VENV) site .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.ready: $(SOURCES)
	@scripts/set-up --no-dev
	@touch $@

$(VENV)/.ready-dev: $(SOURCES)
	@scripts/set-up
	@touch $(VENV)/.ready $@
