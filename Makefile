# Two commands to begin with: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
PIP_INSTALL := --quiet --disable-pip-version-check install "uv==0.13.9"
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export UV_LINK_MODE ?= hardlink
export PYTHONUNBUFFERED = 1
# The packages that are installed with quisait, unless somebody leaves them out.
BUNDLED := $(patsubst %/pyproject.toml,%,$(shell grep -l '^bundled = true' packages/*/pyproject.toml))
# Bytecode is kept even where the environment forbids it: without it a command starts in twice the
# time, and the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX = $(CURDIR)/.cache/bytecode

.PHONY: help demo test tests test-fast soak mutate sentences check bench guide client serve engines engines-stop servers schema requirements kit clean

help: ## show these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 16

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "An environment of its own in .venv, and uv, which installs (20 MB to download)"
	@$(PYTHON) -m venv --without-pip .venv
	@# Python's own pip, where there is one, spares installing another into .venv.
	@$(PYTHON) -m pip --python $(BIN)/python $(PIP_INSTALL) 2>/dev/null \
		|| { $(PYTHON) -m venv .venv && $(BIN)/python -m pip $(PIP_INSTALL); }

.venv/base: .venv/bin/uv requirements.txt pyproject.toml $(BUNDLED:%=%/pyproject.toml)
	@echo "The libraries of quisait (600 MB once installed)"
	$(BIN)/uv pip install --python $(BIN)/python --requirements requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable . $(addprefix --editable ,$(BUNDLED))
	@touch $@

.venv/all: .venv/base requirements-test.txt $(wildcard packages/*/pyproject.toml)
	@echo "The libraries and servers of the tests (1.5 GB once installed)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --requirements requirements-test.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(patsubst %/pyproject.toml,--editable %,$(wildcard packages/*/pyproject.toml))
	@touch $@

.venv/kit: .venv/base requirements-test.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint requirements-test.txt pip packaging cyclonedx-python-lib
	@touch $@

demo: .venv/base ## index the fictional administration and serve it on loopback (ARGS=--check: ask its questions and leave)
	@echo "The fictional administration: 270 documents to read, 150 MB for the model and the index"
	$(BIN)/quisait demo $(ARGS)

# All that `make test` has, and torch, Spark and their kin: several GB.
.venv-soak/all: .venv/all requirements-soak.txt
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-soak
	ln -sf ../../$(BIN)/uv .venv-soak/bin/uv
	$(BIN)/uv pip install --quiet --python .venv-soak/bin/python --requirements requirements-soak.txt
	$(BIN)/uv pip install --quiet --python .venv-soak/bin/python --no-deps --editable . $(patsubst %/pyproject.toml,--editable %,$(wildcard packages/*/pyproject.toml))
	@touch $@

servers: ## install what `make test` needs from the system's packages, where that is allowed
	@tests/servers.sh

engines: .venv/all ## start OpenSearch and Tika on loopback and print their addresses
	$(BIN)/python -m tests.engines start

engines-stop: .venv/all ## end the engines that `make engines` started
	$(BIN)/python -m tests.engines stop

check: .venv/all ## format, lint, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter

test: .venv/all servers ## run the tests that every change needs, in about fifteen minutes (ARGS='-m trust' goes to pytest)
	@$(MAKE) --no-print-directory --jobs=2 check tests

# The types are checked beside the tests that run in one process.
tests:
	+@$(BIN)/python -m tests.run_all $(ARGS)

test-fast: .venv/all ## run the tests that need no server and no browser, without the long ones
	TESTS_START_NO_SERVER=1 TESTS_PART=together $(BIN)/python -m pytest -n 2 --dist loadfile -m 'not (server or slow)' $(ARGS)

soak: .venv-soak/all ## run all that `make test` leaves out (ARGS='sources engines': these parts; ARGS=--help)
	@tests/servers.sh soak
	.venv-soak/bin/python -m tests.soak $(ARGS)

mutate: .venv/all ## say which small faults in the dearest modules no test notices (ARGS='--count 402 --table': print what is known)
	$(BIN)/python -m tests.mutate $(ARGS)

sentences: .venv/all ## print every French sentence that people are shown, by file
	@$(BIN)/python -m tests.sentences

bench: .venv/all engines ## print every figure of the documents: relevance on the development sets, speed
	$(BIN)/python -m benchmarks $(ARGS)

guide: .venv/all ## take the pictures of docs/guide.md again, from the demo
	$(BIN)/python -m benchmarks.guide

serve: .venv/base ## serve what quisait.toml configures
	$(BIN)/quisait serve $(ARGS)

kit: .venv/kit ## write the archive that installs without a network (ARGS=--with-engines: OpenSearch and Tika too)
	$(BIN)/python -m deploy.kit $(ARGS)

client: .venv/all ## write clients/python again from the API's description
	$(BIN)/python clients/python/generate.py

PACKAGES := $(notdir $(patsubst %/,%,$(dir $(wildcard packages/*/pyproject.toml))))
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --override .cache/own.txt --no-emit-package quisait $(PACKAGES:%=--no-emit-package quisait-%) pyproject.toml $(BUNDLED:%=%/pyproject.toml)
requirements: .venv/bin/uv ## pin the dependencies again
	@mkdir -p .cache
	@# The packages depend on quisait and on each other: no registry has them.
	@echo "quisait @ file://$(CURDIR)" > .cache/own.txt
	@printf 'quisait-%s @ file://$(CURDIR)/packages/%s\n' $(foreach name,$(PACKAGES),$(name) $(name)) >> .cache/own.txt
	$(PIN) --output-file requirements.txt
	$(PIN) --extra sources --constraints requirements.txt --output-file requirements-sources.txt
	$(PIN) --extra sources --extra evaluation --extra tune --extra test --constraints requirements.txt --output-file requirements-test.txt
	$(PIN) packages/spark/pyproject.toml --extra sources --extra torch --extra evaluation --extra tune --extra test --constraints requirements-test.txt --output-file requirements-soak.txt

clean: ## forget the demo's index (the cache of downloads stays)
	rm -rf .demo
