# Tocsin. `make demo` and `make test` set up what they need; `make help` lists the rest.

PYTHON ?= python3
STAGE ?= dev
UPGRADE ?=
SECONDS ?= 30
DRILL ?=

BIN := .venv/bin
# A stamp: newer than what it was made from means that the environment is ready.
READY := .venv/.ready
LOCK := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-config $(UPGRADE)

export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.PHONY: help demo test test-peers drill chaos fuzz check up invoke build deploy bench golden pictures lock setup prometheus clean distclean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) prometheus ## One alert, end to end, on this machine: a real Prometheus, every channel, the escalation
	@$(BIN)/python -m dev.demo

test: $(READY) prometheus ## Run every test
	@$(BIN)/pytest

test-peers: $(READY) prometheus ## Let real amtool and a real Prometheus talk to the local stack
	@$(BIN)/pytest -m peers tests/peers

drill: $(READY) ## Drills on the local stack: an escalation, what others send, 10,000 alerts in 10 s; everything arrives, once
	@$(BIN)/python -m dev.drill $(DRILL)

chaos: $(READY) ## Interrupt every call of every life, tell random weeks, break every law once; write the figures into docs/reliability.md
	@$(BIN)/python -m tests.chaos
	@$(BIN)/python -m tests.chaos.weeks
	@$(BIN)/python -m tests.chaos.runtime
	@$(BIN)/python -m tests.chaos.faults
	@$(BIN)/python -m tests.chaos.mutants
	@$(BIN)/pytest -m chaos

fuzz: .venv-fuzz/.ready ## Try inputs on every door for SECONDS each (30); write the figures into docs/reliability.md
	@PYTHONPATH=functions:. .venv-fuzz/bin/python -m tests.fuzz --seconds $(SECONDS)

check: $(READY) .venv-audit/.ready prometheus ## Format, lint, strict types, template, rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sam validate --lint --template template.yaml --region eu-west-1
	$(BIN)/cfn-lint --non-zero-exit-code error template.yaml
	.venv-audit/bin/checkov --config-file .checkov.yaml
	$(BIN)/python -m dev.audit
	$(BIN)/pytest -q tests/template
	promtool="$$(scripts/prometheus promtool)" && PATH="$$(dirname "$$promtool"):$$PATH" $(BIN)/tocsin check config

up: $(READY) prometheus ## Keep the local stack running and print its addresses
	@$(BIN)/python -m dev.stack

invoke: $(READY) ## Run one function on one event: make invoke FUNCTION=EvaluateFunction EVENT=events/evaluate_schedule.json
	@test -n "$(FUNCTION)" -a -n "$(EVENT)" || { echo "usage: make invoke FUNCTION=EvaluateFunction EVENT=events/NAME.json" >&2; exit 2; }
	@$(BIN)/python -m dev.invoke "$(FUNCTION)" "$(EVENT)"

build: $(READY) ## Build what is deployed, into .aws-sam (arm64, python3.13)
	@python="$$(scripts/python 3.13)" && PATH="$$(dirname "$$python"):$$PATH" $(BIN)/sam build \
		&& PYTHON="$$python" scripts/compile .aws-sam/build

deploy: build ## Deploy to AWS: make deploy STAGE=dev
	$(BIN)/sam deploy --config-env "$(if $(filter dev,$(STAGE)),default,$(STAGE))"

bench: $(READY) prometheus ## Count calls and units of a tick, measure cold starts and large groups
	@$(BIN)/python -m dev.bench

golden: $(READY) prometheus ## Rewrite the golden files; then read the diff
	GOLDEN=1 $(BIN)/pytest -q --ignore=tests/stack
	git --no-pager diff --stat -- tests

pictures: $(READY) ## Take docs/pictures anew, with Chromium; then look at them
	@$(BIN)/python -m dev.pictures

lock: .venv-lock/.ready ## Pin the dependencies anew; UPGRADE=--upgrade takes newer ones
	@$(LOCK) requirements/dev.in --output-file requirements/dev.txt
	@$(LOCK) functions/requirements.in --constraints requirements/dev.txt --output-file functions/requirements.txt
	@$(LOCK) requirements/lambda-runtime.in --constraints requirements/dev.txt --output-file requirements/lambda-runtime.txt
	@$(LOCK) requirements/fuzz.in --constraints requirements/dev.txt --output-file requirements/fuzz.txt
	@$(LOCK) requirements/audit.in --output-file requirements/audit.txt
	@$(LOCK) requirements/lock.in --output-file requirements/lock.txt

setup: $(READY) prometheus ## Only set up: the environment in .venv and a Prometheus

clean: ## Remove what was built and cached, but not .venv
	rm -rf .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find functions dev tests scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## Remove the environments too
	rm -rf .venv .venv-lock .venv-fuzz .venv-audit

prometheus:
	@scripts/prometheus >/dev/null

$(READY): requirements/dev.txt pyproject.toml scripts/venv scripts/python
	@PYTHON="$(PYTHON)" scripts/venv .venv requirements/dev.txt
	@$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

.venv-lock/.ready: requirements/lock.txt scripts/venv scripts/python
	@PYTHON="$(PYTHON)" scripts/venv .venv-lock requirements/lock.txt
	@touch $@

.venv-fuzz/.ready: requirements/fuzz.txt scripts/venv scripts/python
	@PYTHON="$(PYTHON)" scripts/venv .venv-fuzz requirements/fuzz.txt
	@touch $@

.venv-audit/.ready: requirements/audit.txt scripts/venv scripts/python
	@PYTHON="$(PYTHON)" scripts/venv .venv-audit requirements/audit.txt
	@touch $@
