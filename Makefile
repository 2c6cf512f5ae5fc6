# AirCache. `make` alone lists what can be made; CONTRIBUTING.md says when to use what.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# One set of flags for everything, so that all builds and tests share one compile cache.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false
export PATH := $(CURDIR)/bin/lab:$(CURDIR)/bin:$(PATH)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
STEP = @printf '\033[1m== %s\033[0m\n'

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-zA-Z0-9_-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

include hack/lab.mk

## ---- build

.PHONY: build
build: ## Build the two programs into bin/
	$(STEP) "building bin/aircache and bin/aircache-operator $(VERSION)"
	@go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/aircache ./cmd/aircache-operator

.PHONY: tools
tools: bin/controller-gen bin/staticcheck ## Build the pinned code generator and linter
bin/controller-gen bin/staticcheck: hack/tools/go.mod hack/tools/go.sum
	$(STEP) "building controller-gen and staticcheck"
	@cd hack/tools && go build -o ../../bin/ sigs.k8s.io/controller-tools/cmd/controller-gen honnef.co/go/tools/cmd/staticcheck
	@touch bin/controller-gen bin/staticcheck

## ---- generated files

.PHONY: generate
generate: bin/controller-gen ## Write deepcopy code, CRDs and the chart's copies of them
	@bin/controller-gen object paths=./api/...
	@bin/controller-gen crd paths=./api/... output:crd:dir=config/crd
	@mkdir -p charts/aircache-operator/crds && cp config/crd/*.yaml charts/aircache-operator/crds/

.PHONY: verify-generated
verify-generated: bin/controller-gen ## Fail if a generated file is not what its source says
	$(STEP) "generated files"
	@hack/verify-generated.sh

## ---- checks and tests

.PHONY: lint
lint: bin/staticcheck ## gofmt, go vet and staticcheck over all code, tests and tags
	$(STEP) "lint"
	@unformatted=$$(gofmt -l api cmd controllers e2e hack runtime); if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	@go vet -tags e2e ./...
	@bin/staticcheck -tags e2e ./...
