# Everything a person does with this project has its name here: `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:
# One cluster, two cores: the steps of `make test` come one after the other, whatever -j says.
.NOTPARALLEL:
export PYTHONPATH := $(CURDIR)/operator:$(CURDIR)/pipelines:$(CURDIR)/model_images:$(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest --durations=10
# Runs one named step and says how long it took, also when it fails.
step = @started=$$SECONDS; echo "== $(1)"; { $(2); }; code=$$?; echo "== $(1): $$((SECONDS - started)) s"; exit $$code

# Of sweeps a third, another one with each commit: `make faults` runs them whole.
sample = SLIPWAY_SWEEP=3 SLIPWAY_SEED=$$(git rev-parse --short HEAD 2>/dev/null)

# A test that lacks a program is skipped by `make check`; on the embedded cluster's machine all are there afterwards.
whole = $(if $(KUBECONFIG),,SLIPWAY_NO_SKIPS=1) $(PYTEST)

.PHONY: help demo check lint types layers unit processes test programs controlplane e2e lifecycle readme cluster install cluster-status cluster-down crds bench bench-decisions faults locks environments stores bench-image

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: environments ## Watch models pass from training to full traffic, and bad ones being caught (35 minutes cold, 8 warm)
	@$(PYTHON) -m tests.demo

check: lint types layers unit ## Lint, types, layers, unit tests (2 minutes)

lint: environments
	$(call step,ruff,$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .)

types: environments
	$(call step,mypy,requirements/types.sh)

layers: environments
	$(call step,import-linter,.venv/bin/lint-imports)

unit: environments
	$(call step,unit tests,$(PYTEST) -n auto --maxprocesses 4 --dist loadfile -m "not long" tests/unit)

# Servers, builders and Jobs as whole processes, whole rollouts second by second, and the kill at every write: minutes, of
# which `make check` has two. Of each kind of them it has an example.
processes: environments
	$(call step,unit tests of whole processes,$(sample) $(PYTEST) -n auto --maxprocesses 4 --dist loadfile -m long tests/unit)

test: check processes programs stores controlplane install e2e lifecycle readme ## Everything: check, then tests on a real API server, then on a whole cluster

# What takes minutes on a cold machine is made before the tests that need it, whose time limits it would break.
programs: environments
	$(call step,programs of the control plane,$(PYTHON) -m tests.cluster.bare)
	$(call step,the S3 server of the tests,$(PYTHON) -m tests.stores)

stores: environments
	$(call step,tests of stores,$(whole) tests/stores)

# With the chart's unit tests once more: a `make check` before helm was built had to skip them.
controlplane: environments
	$(call step,control plane tests,$(whole) -n 3 --dist loadfile tests/controlplane tests/unit/chart)

# With the unit tests once more that need promtool or docker-registry, which came with the cluster.
e2e: environments
	$(call step,cluster tests side by side,$(sample) $(whole) -n 4 --dist loadfile -m "not alone" $(CLUSTER_TESTS))
	$(call step,cluster tests one by one,$(whole) -m alone $(CLUSTER_TESTS))
	$(call step,unit tests with the cluster's programs,$(whole) -m programs tests/unit)

# These two come last, since each ends with `make cluster-down`.
LIFECYCLE := tests/e2e/test_cluster_lifecycle.py
README := tests/e2e/test_readme.py
CLUSTER_TESTS := --ignore $(LIFECYCLE) --ignore $(README) tests/e2e tests/rows
lifecycle: environments
	$(call step,life of the cluster,$(whole) $(LIFECYCLE))

readme: environments
	$(call step,commands of README,$(whole) $(README))

cluster: environments ## Bring up the embedded cluster, or find all that is needed in the one of KUBECONFIG
	@$(PYTHON) -m tests.cluster up

install: environments ## Install Slipway on it: helm upgrade --install slipway charts/slipway, with its settings
	$(call step,cluster and chart,$(PYTHON) -m tests.demo.installation)

cluster-status: environments ## Say what runs; with KUBECONFIG, what is found there and what is missing
	@$(PYTHON) -m tests.cluster status

cluster-down: environments ## Take the embedded cluster away, to the last process, mount and rule
	@$(PYTHON) -m tests.cluster down

crds: environments ## Write crds/ and the chart's copies from the models
	@$(PYTHON) -m slipway.api.crds
	@$(PYTHON) -m slipway.api.crds --out charts/slipway/files/crds

bench: environments ## Measure on the cluster what docs/figures.md promises; takes the cluster down and up again
	$(call step,bench,$(PYTEST) -s tests/e2e/test_steady_state.py $(wildcard tests/bench))

bench-decisions: environments ## Simulate A/B tests on six kinds of traffic: false promotions, power, sizes (RUNS=2000: 5 minutes)
	$(call step,bench of decisions,nice -n 19 $(PYTHON) -m tests.bench_decisions --runs $(or $(RUNS),2000))

bench-image: environments ## Measure images: their server beside MLServer, FastAPI, MLflow and BentoML, their size, a scrape (10 minutes)
	@requirements/environment.sh bench .venv-bench
	$(call step,bench of images,$(PYTEST) -s tests/bench_image)

faults: environments ## Kill, delete and cut off things while models are served, on the cluster; every sweep whole; properties on new cases
	$(call step,properties on new cases,SLIPWAY_EXPLORE=1 $(PYTEST) -n auto --maxprocesses 4 --dist loadfile -m hypothesis tests/unit)
	$(call step,sweeps,$(PYTEST) -n auto --maxprocesses 4 -m sweep tests/unit)
	$(call step,faults,$(PYTEST) $(wildcard tests/e2e/test_faults_*.py) tests/e2e/test_flavours.py)

locks: environments ## Renew requirements/*.txt
	@PATH="$$PWD/.venv/bin:$$PATH" requirements/compile.sh

environments:
	@requirements/environment.sh dev .venv
	@requirements/environment.sh cli .venv-cli
