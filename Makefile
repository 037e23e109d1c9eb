# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
REPORT ?= reports/lb
SHELL  := /bin/sh
UNIT    := tests/unit tests/contracts tests/fuzz $(wildcard tests/test_*.py)
COVERED := $(BIN)/coverage run
# Percent of statements and branches: of the unit tests alone, and of all but nginx, HAProxy and containers (.ci/run has 95).
UNIT_FLOOR := 85
FLOOR      ?= 93
.DEFAULT_GOAL := help
VERSIONS ?= 2.4.46 2.4.54 debian:bullseye 2.4.68
.PHONY: help check test test-lb test-behaviour test-docker test-versions test-libraries test-originals test-foreign test-faults fuzz up bench report docs doctor wheel clean distclean lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment is made anew when the pinned packages or the packaging change.
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: $(PYTHON) is older than Python 3.11, or missing." >&2; \
	    echo "  do:  make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 3; }
	@echo "Preparing $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV) || { echo "error: cannot make a virtual environment." >&2; \
	    echo "  do:  install venv for $(PYTHON), on Debian: apt-get install python3-venv" >&2; exit 3; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The doctor installs httpd where it is missing and no password is needed, and says what to type where not.
.PHONY: ready
ready: $(VENV)/.ready
	@$(BIN)/wslb doctor --install --quiet

# Hypothesis takes a quarter of a second to be imported, and no scenario needs it.
SCENARIOS = $(BIN)/python -m pytest -p no:hypothesispytest tests/live/test_scenarios.py -q --no-header
test-lb: ready ## the main job: prove on a real Apache that WebSockets are balanced
	@$(SCENARIOS) -m wslb_lb --wslb-report=$(REPORT) $(ARGS)

test-behaviour: ready ## every other behaviour that decides whether balancing works
	@$(SCENARIOS) -m wslb_behaviour --wslb-report=reports/behaviour $(ARGS)

.PHONY: static pyright
static: $(VENV)/.ready
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy

# A second opinion on the types, too slow for every check.
pyright: $(VENV)/.ready
	@$(BIN)/basedpyright

check: static ## format, lint, types and unit tests
	@$(BIN)/python -m pytest $(UNIT) -m "not slow and not live" -q --no-header

# Branches count, in every program that a test starts; backends that gave up root must be able to write there.
# Tests mostly wait for sockets, so two sessions run at once, each with its lab; the output of each stays together.
# A selection in ARGS may leave a session empty (pytest's exit code 5), and proves nothing about coverage.
SLOWEST  = --durations=12 --durations-min=5
SELECTED = $(if $(ARGS),|| [ $$? = 5 ])
test: static $(if $(ARGS),,pyright) ready ## everything on a real Apache, with the coverage of unit tests and of all
	@rm -rf reports/coverage && mkdir -p reports/coverage && chmod 1777 reports/coverage
	@$(COVERED) -m pytest $(UNIT) -m "not live" -q --no-header $(SLOWEST) $(ARGS) $(SELECTED)
	@$(if $(ARGS),,$(MAKE) --no-print-directory coverage-unit)
	@echo "Two sessions at once; each is printed when it ends, after some minutes"
	@$(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
	  test-scenarios test-tools
	@$(if $(ARGS),,$(MAKE) --no-print-directory coverage)

# A program that ends just now, such as a helper of multiprocessing, writes under another name first.
MEASURED = reports/coverage/data.*.pid*.X*.H*
.PHONY: coverage-unit
coverage-unit:
	@$(BIN)/coverage combine --quiet --keep --data-file=reports/coverage.unit $(MEASURED)
	@echo "Coverage of the unit tests alone:"
	@$(BIN)/coverage report --data-file=reports/coverage.unit --format=total --fail-under=$(UNIT_FLOOR)

.PHONY: coverage
coverage: ## what the tests so far have run of every module, and whether that is enough
	@$(BIN)/coverage combine --quiet --keep --data-file=reports/coverage.all $(MEASURED)
	@$(BIN)/coverage report --data-file=reports/coverage.all --fail-under=$(FLOOR)

.PHONY: test-scenarios test-tools
test-scenarios:
	@$(BIN)/python -m tests.browser.provide
	@$(COVERED) -m pytest tests/live/test_scenarios.py tests/plugin tests/browser tests/faults -m "not docker" \
	  -q --no-header $(SLOWEST) --wslb-report=reports/all $(ARGS) $(SELECTED)

# nginx and HAProxy are asked by test-foreign, which fetches them.
OF_OTHERS = $(addprefix tests/live/test_,$(addsuffix .py,native proxies selftest_products try_haproxy try_nginx))
test-tools:
	@$(COVERED) -m pytest tests/live tests/contracts $(addprefix --ignore=,tests/live/test_scenarios.py $(OF_OTHERS)) \
	  -m "not docker" -k "not (test_products and (nginx or haproxy))" -q --no-header $(SLOWEST) $(ARGS) $(SELECTED)

test-docker: $(VENV)/.ready ## the container path, where a Docker engine answers
	@.ci/docker

test-versions: $(VENV)/.ready ## the main job on other httpd: VERSIONS="2.4.46 ..." (tests/versions/build --list)
	@WSLB_VERSIONS="$(VERSIONS)" $(BIN)/python -m pytest tests/live/test_versions.py -q --no-header $(ARGS)

test-libraries: ready ## the lowest and the newest libraries that pyproject.toml allows, and later Pythons
	@.ci/libraries $(ARGS)

test-originals: ready ## the real Open Liberty and Node.js beside the stand-ins, probe by probe
	@$(BIN)/python -m tests.originals.provide
	@WSLB_ORIGINALS_FETCHED=1 $(BIN)/python -m pytest tests/originals -q --no-header -rs $(ARGS)

test-foreign: ready ## check and load before five foreign proxies and 18 kinds of servers; nginx and HAProxy under the lab's claims
	@$(BIN)/python -m tests.foreign.provide
	@$(COVERED) -m pytest tests/foreign tests/live/test_products.py $(OF_OTHERS) -q --no-header $(ARGS)

test-faults: ready ## kills, signals and odd surroundings, all that are known: tried, survived, lost
	@WSLB_FAULTS=full $(BIN)/python -m pytest tests/faults -q --no-header $(ARGS)

fuzz: $(VENV)/.ready ## every parser against inputs that atheris chooses: WSLB_FUZZ_SECONDS=60 for each
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.lock
	@$(BIN)/python -m tests.fuzz.guided $(ARGS)

up: ready ## leave the lab running on the article's ports
	@$(BIN)/wslb up

bench: ready ## compare clients, measure scale: reports/bench/ and docs/bench.md (up to ten minutes)
	@$(BIN)/python -m tests.bench --docs $(ARGS)

report: $(VENV)/.ready ## redraw the report from reports/lb/report.json
	@$(BIN)/wslb report $(REPORT)/report.json

# Sphinx has an environment of its own, so that its packages bind none of wslb's.
$(VENV)/docs/.ready: docs/requirements.lock | $(VENV)/.ready
	@$(PYTHON) -m venv $(VENV)/docs
	@$(VENV)/docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

docs: $(VENV)/docs/.ready ## the documentation as a site: reports/docs/index.html; a broken link is an error
	@rm -rf reports/docs
	@$(VENV)/docs/bin/python -m sphinx -W --keep-going -q -E -d $(VENV)/docs/doctrees docs reports/docs

doctor: $(VENV)/.ready ## what this machine lacks
	@$(BIN)/wslb doctor

wheel: $(VENV)/.ready ## build dist/*.whl
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist .

lock: ## pin the packages again (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q -o requirements.lock
	uv pip compile --group docs --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q -o docs/requirements.lock

clean: ## remove reports and caches
	rm -rf reports/lb reports/load reports/compare reports/bench reports/docs reports/coverage* dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## also remove the environment
	rm -rf $(VENV)
