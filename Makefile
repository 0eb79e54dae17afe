.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
POLICY := policy/.venv
STACK ?= dev
OUT ?= out
FILE ?= .demo/traces.jsonl
# A clone of the GitOps repository tells when commits were made; the demo leaves one.
REPOSITORY ?= $(wildcard .demo/forge/podtato-team/*.git)

.PHONY: help demo up down render doctor adopt trace reference test soak bench cluster-tools node-modules chart-digests policy lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.runtime: requirements.txt
	@echo "making $(VENV) from requirements.txt (once, about a minute)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements-dev.txt
	@echo "adding the development tools from requirements-dev.txt" >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(POLICY)/.runtime: policy/requirements.txt
	@echo "making $(POLICY) from policy/requirements.txt (once, about a minute)" >&2
	@$(PYTHON) -m venv $(POLICY)
	@$(POLICY)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r policy/requirements.txt
	@touch $@

demo: $(VENV)/.runtime ## Run the whole delivery on this machine, without cluster or account: EXAMPLE=helm, VERIFICATION=argocd
	@$(BIN)/python -m lab.demo $(if $(EXAMPLE),--example $(EXAMPLE)) $(if $(VERIFICATION),--verification $(VERIFICATION))

# REPOSITORY has a default for other targets; here a person names it.
LAPTOP = $(BIN)/python -m delivery.laptop $@ $(if $(filter 1 yes true,$(YES)),--yes)
up: $(VENV)/.runtime ## Make a cluster here with kind or k3d, the platform and all stages: REPOSITORY=OWNER/NAME, CLUSTER=delivery, YES=1
	@$(LAPTOP) $(if $(filter-out file,$(origin REPOSITORY)),--repository '$(REPOSITORY)') $(if $(CLUSTER),--cluster '$(CLUSTER)')

down: $(VENV)/.runtime ## Take away what `make up` has made here, and its files in the repository: YES=1
	@$(LAPTOP)

render: $(VENV)/.runtime ## Show what STACK=dev, or STACK=platform, declares as files under OUT=out, without the Pulumi CLI; EXAMPLE=helm
	@$(BIN)/python -m lab.render --stack $(STACK) --out $(OUT) $(if $(EXAMPLE),--project examples/$(EXAMPLE))

doctor: $(VENV)/.runtime ## Check what STACK=dev, or STACK=platform, needs: tools, cluster, tokens, repository; JSON=1 as JSON
	@$(BIN)/python -m delivery.doctor --stack $(STACK) $(if $(JSON),--json) $(if $(EXAMPLE),--project examples/$(EXAMPLE))

adopt: $(VENV)/.runtime ## Print the configuration for Argo CD Applications that exist: APPLICATIONS=FILES or CONTEXT=NAME, REPOSITORY=CLONE
	@$(BIN)/python -m delivery.adopt --repository $(REPOSITORY) $(if $(CONTEXT),--context $(CONTEXT),--applications $(APPLICATIONS)) \
		$(if $(STAGES),--stages $(STAGES)) $(foreach each,$(APPLICATION),--application $(each)) $(foreach each,$(KEY),--key '$(each)') $(if $(JSON),--json)

trace: $(VENV)/.runtime ## Draw the delivery timeline of a version: FILE=.demo/traces.jsonl, as text and FILE.html
	@$(BIN)/python -m delivery.tracing --file $(FILE) $(if $(REPOSITORY),--repository $(REPOSITORY)) --html $(FILE:.jsonl=.html)

reference: $(VENV)/.runtime ## Write what is generated: docs/reference/{configuration,chart-values,command-line}.md, the package's inputs
	@$(BIN)/python -m tools.reference

# What `make cluster-tools` has built is found without any setting; a folder that a person names comes first.
ifndef KUBEBUILDER_ASSETS
ifneq (,$(and $(wildcard .tools/bin/kube-apiserver),$(wildcard .tools/bin/etcd)))
test: export KUBEBUILDER_ASSETS := $(CURDIR)/.tools/bin
endif
endif
test: export PATH := $(CURDIR)/.tools/bin:$(PATH)
# The policy pack runs in the real engine alone.
test: $(VENV)/.development $(if $(shell command -v pulumi),$(POLICY)/.runtime) ## Check format, lint and types, and run every test that this machine can run
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -n auto

soak: $(VENV)/.development ## Play 2,000 random histories, count what gets lost of VERSIONS=300, find every planted fault; SEED=1 repeats one
	@$(BIN)/python -m tests.soak $(if $(SEED),--seed $(SEED)) $(if $(HISTORIES),--histories $(HISTORIES)) $(if $(VERSIONS),--versions $(VERSIONS))

cluster-tools: ## Get kube-apiserver, etcd, helm, kustomize, actionlint and definitions for the tests, once, with Go
	@tools/cluster-tools.sh

node-modules: ## Get what examples/typescript needs to run in the tests, as it is locked, with npm
	@mkdir -p .tools/node
	@cp examples/typescript/package.json examples/typescript/package-lock.json .tools/node
	@cd .tools/node && npm ci --ignore-scripts --no-audit --no-fund

chart-digests: $(VENV)/.runtime ## Look up the digests of the platform's pinned charts in their registries, and write them down
	@$(BIN)/python -m tools.chart_digests

bench: $(VENV)/.runtime ## Measure what is promised about speed, each figure beside its bound; ONLY=render, ONLY=scale
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

policy: $(POLICY)/.runtime ## Make what the policy pack needs: pulumi preview --policy-pack policy

lock: $(VENV)/.development ## Lock requirements*.in again, with hashes for every platform
	@for name in requirements requirements-dev gitops/promoter/requirements policy/requirements; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" $$name.in -o $$name.txt; done

clean: ## Remove what the other targets made
	rm -rf $(VENV) $(POLICY) $(OUT) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
