# Thin names for commands that README.md explains.  Everything lives in .venv/ and build/.
#
#   make up                          three members on loopback; Ctrl-C stops them
#   make up ARGS="--members 5"       …with options of `corral up`
#   make up OBSERVE=1                …and Prometheus with scrape configuration and alert rules
#   make test TESTS=tests/zab        some of the tests
#   make wheelhouse PYTHONS=3.12     what hosts with that Python need to run Corral, without internet

.PHONY: all up test test-all test-39 test-clients test-deploy test-s3 wheelhouse package sbom docs simulate nemesis fuzz soak bench pictures lint clean
.SILENT:
MAKEFLAGS += --no-print-directory --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
TESTS ?=
SEEDS ?= 1000
MINUTES ?= 15
PYTHONS ?= 3.11 3.13
PYTEST := $(BIN)/pytest --quiet --timeout=300
HOSTS := systemd-container mmdebstrap nftables iproute2 openssh-client prometheus
MACHINES := iproute2 nftables e2fsprogs gcc libc6-dev libfaketime
CLIENTS := libcurator-recipes-java libcurator-discovery-java libzookeeper-mt-dev openjdk-17-jdk-headless
KERBEROS := krb5-kdc krb5-admin-server krb5-user python3-gssapi python3-kerberos
PRODUCTS := nodejs golang-go golang-github-samuel-go-zookeeper-dev patroni python3-kazoo postgresql-15
PACKAGES := zookeeper $(CLIENTS) groff-base netcat-openbsd gcc libc6-dev python3-dev chromium libfaketime e2fsprogs $(KERBEROS) $(HOSTS)

all: $(VENV)/installed

up: $(VENV)/installed
	exec $(BIN)/corral up $(if $(OBSERVE),--observe) $(ARGS)

test: $(VENV)/installed-test
	.ci/packages $(PACKAGES)
	$(PYTEST) --durations=30 --durations-min=5 $(TESTS)

# All that `test` runs, and what takes minutes: every seed, every sequence.
test-all: $(VENV)/installed-test
	.ci/packages $(PACKAGES)
	$(PYTEST) --all $(TESTS)

# Side by side with ZooKeeper 3.9, whose jars lie in the package pyspark (450 MB, fetched once).
test-39: $(VENV)/installed-test
	test -d build/zk39jars || PATH="$(CURDIR)/$(BIN):$$PATH" bench/peers/get-zk39-jars build/zk39jars
	CORRAL_ZOOKEEPER_JARS=$(CURDIR)/build/zk39jars $(PYTEST) $(or $(TESTS),tests/differential tests/clients/test_semantics_*.py)

# What takes other clients and products, whole: kazoo's and aiozk's own tests, Node, Go, Patroni.
test-clients: $(VENV)/installed-test
	.ci/packages $(PACKAGES) $(PRODUCTS)
	$(PYTEST) --all $(or $(TESTS),tests/clients/suites tests/clients/programs tests/clients/products)

# Deployment to three real hosts with systemd, and everything that is done to them later.
test-deploy: $(VENV)/installed-test
	.ci/packages $(HOSTS)
	$(PYTEST) --all --timeout=1800 -o faulthandler_timeout=900 --capture=tee-sys $(or $(TESTS),tests/deploy)

# Backups to storage that speaks S3's protocol.
test-s3: $(VENV)/installed-test $(VENV)/installed-s3
	$(PYTEST) --all $(or $(TESTS),tests/backup/test_s3.py)

# What hosts need to run Corral, without internet: dist/wheelhouse-VERSION.tar.gz.
wheelhouse: $(VENV)/installed
	$(BIN)/python ansible/wheelhouse.py $(addprefix --python ,$(PYTHONS)) $(ARGS)

# The same for hosts that apt manages: dist/corral_VERSION_ARCHITECTURE.deb.
package: wheelhouse
	$(BIN)/python ansible/debian_package.py

# And what is in it, with licences: dist/corral-VERSION.cdx.json.
sbom: wheelhouse $(VENV)/installed-package
	$(BIN)/python ansible/sbom.py

# The documentation as a site in build/site; ARGS=serve shows it while it is written.
docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs $(or $(ARGS),build --strict --quiet)

simulate: $(VENV)/installed-test
	$(BIN)/python -m tests.simulation --seeds 0:$(SEEDS) --jobs $$(nproc) $(ARGS)

# Real processes, disks and links, and faults of every kind: ten minutes, as root; histories are checked, and drawn.
nemesis: $(VENV)/installed-test
	.ci/packages $(MACHINES)
	$(BIN)/python -m tests.machines $(ARGS)

# Hostile input to all that takes in bytes of others: docs/reliability.md.
fuzz: $(VENV)/installed-test
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

# Ten thousand sessions through rolling restarts and a storm: docs/reliability.md.
soak: $(VENV)/installed-test
	.ci/packages gcc libc6-dev python3-dev
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

# Side by side with ZooKeeper and etcd, on a machine that does nothing else; what it writes stands in docs/performance.md.
bench: $(VENV)/installed-bench
	.ci/packages zookeeper etcd-server nghttp2-client gcc libc6-dev python3-dev
	$(BIN)/python -m bench.run $(ARGS)

# The dashboards of a live ensemble, drawn by Grafana's own components in a browser, for README.md.
pictures: $(VENV)/installed-test
	.ci/packages prometheus gcc libc6-dev chromium fonts-inter pngquant
	command -v npm >/dev/null || .ci/packages nodejs npm
	$(BIN)/python -m tests.dashboards.pictures build/pictures/data
	cp dashboards/pictures/* build/pictures/
	cd build/pictures && npm install --silent --legacy-peer-deps --ignore-scripts --no-audit --no-fund
	cd build/pictures && for each in overview.3 write-latency.3 clients.4 member.2 capacity.3 zookeeper.3; do \
	    node draw.mjs data/$${each%.*}.json $${each%.*}.png $${each#*.} && \
	    pngquant --force --speed 1 --output ../../docs/pictures/$${each%.*}.png 96 $${each%.*}.png || exit 1; \
	done

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

$(VENV)/installed-package: $(VENV)/installed
	.ci/environment $(PYTHON) $(VENV) package

$(VENV)/installed-s3: $(VENV)/installed
	.ci/environment $(PYTHON) $(VENV) s3

$(VENV)/installed-docs: $(VENV)/installed
	.ci/environment $(PYTHON) $(VENV) docs

$(VENV)/installed-bench: $(VENV)/installed
	.ci/environment $(PYTHON) $(VENV) bench
