# Thin names for commands that README.md explains.  Everything lives in .venv/ and build/.
#
#   make up                          three members on loopback; Ctrl-C stops them
#   make up ARGS="--members 5"       …with options of `corral up`
#   make up OBSERVE=1                …and Prometheus with scrape configuration and alert rules
#   make test TESTS=tests/zab        some of the tests

.PHONY: all up test test-all simulate bench lint clean
.SILENT:
MAKEFLAGS += --no-print-directory --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
TESTS ?=
SEEDS ?= 1000
PYTEST := $(BIN)/pytest --quiet --timeout=300

all: $(VENV)/installed

up: $(VENV)/installed
	exec $(BIN)/corral up $(if $(OBSERVE),--observe) $(ARGS)

test: $(VENV)/installed-test
	.ci/packages zookeeper gcc libc6-dev prometheus chromium
	$(PYTEST) $(TESTS)

# All that `test` runs, and what takes minutes: every seed, every sequence.
test-all: $(VENV)/installed-test
	.ci/packages zookeeper gcc libc6-dev prometheus chromium
	$(PYTEST) --all $(TESTS)

simulate: $(VENV)/installed-test
	$(BIN)/python -m tests.simulation --seeds 0:$(SEEDS) $(ARGS)

bench: $(VENV)/installed
	.ci/packages zookeeper gcc libc6-dev
	$(BIN)/python -m bench.run $(ARGS)

lint: $(VENV)/installed-test
	$(PYTEST) tests/test_house_rules.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Nothing is installed again while pyproject.toml reads the same, whatever its time says.
$(VENV)/installed: pyproject.toml .ci/environment
	.ci/environment $(PYTHON) $(VENV)

$(VENV)/installed-test: $(VENV)/installed
	.ci/environment $(PYTHON) $(VENV) test
