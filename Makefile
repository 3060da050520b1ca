# Every chore of the project. `make` lists them; ARGS="…" is handed to the command behind a target.

PYTHON ?= python3
ARGS ?=
BENCH ?=
SEEDS ?= 100
PYTHON_IMAGE ?=

BIN := .venv/bin
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(ARGS) pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help install demo check lint types test debian chart image image-base release simulate mutants faults format lock bench boards clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: .venv/.installed ## make .venv with everything locked, and syncd itself in it

.venv/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.venv/.deploy: requirements-deploy.lock .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-deploy.lock
	@touch $@

demo: install ## sandbox, daemon, console and example traffic on this machine
	$(BIN)/syncd demo $(ARGS)

check: lint types test ## all that a change must pass

lint: install ## style, formatting and the floors of the house
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: install ## mypy, strict
	$(BIN)/mypy

test: install ## all tests, four at a time as they mostly wait; ARGS="-k ledger" picks some
	$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

chart: .venv/.deploy ## the chart without a cluster: rendered, validated, secured, its dashboards and alerts tried
	$(BIN)/python -m pytest -n 2 tests/chart $(ARGS)

image: .venv/.deploy ## build the image with buildah or docker, run it, drain it, measure it; PYTHON_IMAGE=name takes another base
	PYTHON_IMAGE=$(PYTHON_IMAGE) .ci/image

image-base: ## a base for it from Debian's packages, where no registry can be reached: localhost/syncd-base:bookworm
	.ci/base-image localhost/syncd-base:bookworm

release: .venv/.deploy ## wheel, chart, dashboards and SBOM of this version into dist/
	.ci/release

debian: ## what some tests need beside Python, from Debian's packages; needs root
	@for tool in chromium promtool pgbouncer mariadbd; do command -v $$tool >/dev/null || missing=yes; done; \
	test -z "$$missing" || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -qq --no-install-recommends chromium prometheus pgbouncer mariadb-server >/dev/null; }

simulate: install ## the whole daemon on virtual time, seed by seed; SEEDS=300 says how many
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

mutants: install ## break syncd on purpose: the simulation must notice each time
	$(BIN)/python -m pytest -n 2 -m slow tests/simulation $(ARGS)

faults: install ## kill, freeze, cut and starve real processes; ARGS=--quick takes the short half
	$(BIN)/python -m tests.faults $(ARGS)

format: install ## rewrite the code as ruff likes it
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: ## write the three lock files anew from pyproject.toml; ARGS=--upgrade takes newer versions
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT \
	&& $(PYTHON) -m venv "$$tools" \
	&& "$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv \
	&& "$$tools/bin/"$(LOCK) -o requirements.lock >/dev/null \
	&& "$$tools/bin/"$(LOCK) --extra dev -o requirements-dev.lock >/dev/null \
	&& "$$tools/bin/"$(LOCK) --extra dev --extra deploy -o requirements-deploy.lock >/dev/null

bench: install ## measure B1 to B14; BENCH=B1,B4 picks some, BENCH=crash plays the kill at full size, ARGS=--quick proves they run
	$(BIN)/python -m tests.benchmarks $(if $(BENCH),--only $(BENCH)) $(ARGS)

boards: .venv/.deploy ## write Grafana's dashboards and Prometheus' rules anew from observability/
	$(BIN)/python -m observability

clean: ## remove what builds and checks leave behind; .venv stays
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
