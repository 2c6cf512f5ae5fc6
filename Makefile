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

.PHONY: kubectl-plugin
kubectl-plugin: ## Build bin/kubectl-aircache: with it on PATH, kubectl aircache status NAME
	@go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/kubectl-aircache

.PHONY: tools
tools: bin/controller-gen bin/staticcheck ## Build the pinned code generator and linter
bin/controller-gen bin/staticcheck: hack/tools/go.mod hack/tools/go.sum
	$(STEP) "building controller-gen and staticcheck"
	@cd hack/tools && go build -o ../../bin/ sigs.k8s.io/controller-tools/cmd/controller-gen honnef.co/go/tools/cmd/staticcheck
	@touch bin/controller-gen bin/staticcheck

## ---- CUDA

.PHONY: cuda
cuda: ## Build the CUDA library for all GPU types into bin/cuda, with a compiler from NVIDIA's wheels
	$(STEP) "CUDA library"
	@go run ./hack/cuda library -release

.PHONY: cuda-check
cuda-check: ## Compile all CUDA code for one GPU type and test it on the simulated one; no GPU is needed
	$(STEP) "CUDA code"
	@go run ./hack/cuda check

.PHONY: build-gpu
build-gpu: cuda ## Build bin/aircache with the CUDA library inside: one file is the whole runtime
	$(STEP) "building bin/aircache $(VERSION) with the CUDA library"
	@cp bin/cuda/libaircache_cuda.so cuda/
	@go build -tags embedcuda -ldflags '$(LDFLAGS)' -o bin/ ./cmd/aircache; code=$$?; rm -f cuda/libaircache_cuda.so; exit $$code

BUNDLE ?= bin/cuda/bundle
.PHONY: cuda-bundle
cuda-bundle: ## Gather what cuda/device.sh tests on a machine with a GPU, into BUNDLE
	@go run ./hack/cuda library && go run ./hack/cuda programs
	@rm -rf $(BUNDLE)/tests $(BUNDLE)/bench && mkdir -p $(BUNDLE)/tests $(BUNDLE)/bench
	@cp bin/cuda/libaircache_cuda.so $(BUNDLE)/ && cp bin/cuda/tests/*_test $(BUNDLE)/tests/ && cp bin/cuda/bench/*_bench $(BUNDLE)/bench/
	@strip $(BUNDLE)/tests/* $(BUNDLE)/bench/*
	@go test -c -ldflags '-s -w' -o $(BUNDLE)/cuda.test ./cuda
	@rm -f $(BUNDLE)/answers.json && cd cuda && AIRCACHE_PARITY_KEEP=$(abspath $(BUNDLE))/answers.json $(abspath $(BUNDLE))/cuda.test -test.run AnswersAreKept
	@du -sh $(BUNDLE)

## ---- generated files

.PHONY: generate
generate: bin/controller-gen ## Write deepcopy code, CRDs, the CPU's vector kernels and the chart's copies of them
	@bin/controller-gen object paths=./api/...
	@bin/controller-gen crd paths=./api/... output:crd:dir=config/crd
	@mkdir -p charts/aircache-operator/crds && cp config/crd/*.yaml charts/aircache-operator/crds/
	@hack/simd/generate.sh runtime/backend/cpu/simd

.PHONY: verify-generated
verify-generated: bin/controller-gen ## Fail if a generated file is not what its source says
	$(STEP) "generated files"
	@hack/verify-generated.sh

## ---- checks and tests

.PHONY: lint
lint: bin/staticcheck ## gofmt, go vet and staticcheck over all code, tests and tags
	$(STEP) "lint"
	@unformatted=$$(gofmt -l api cmd controllers cuda e2e hack runtime); if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	@go vet -tags e2e ./...
	@bin/staticcheck -tags e2e ./...

.PHONY: native-libraries
native-libraries:
	@hack/native-libraries.sh

HELM := bin/lab/helm
.PHONY: helm
helm: lab-program ## Build the pinned helm (3 minutes once)
	@$(LAB) build helm

CLIENTS := $(CURDIR)/bin/clients
.PHONY: clients
clients: ## Install OpenAI's own clients into bin/clients, for the tests that use them
	@hack/clients/install.sh $(CLIENTS)

.PHONY: test
test: clients native-libraries envtest-assets helm lint verify-generated cuda-check ## Run every test that needs no GPU
	$(STEP) "tests"
	@KUBEBUILDER_ASSETS=$(LAB_BIN) AIRCACHE_CLIENTS=$(CLIENTS) go test -timeout 20m ./...
	@cd hack/kube && go test ./fakegpu
	@echo "test: ok"

.PHONY: tokenizer-check
tokenizer-check: ## Hold the tokenizer against Hugging Face's own library on four real vocabularies (npm)
	$(STEP) "tokenizers: the reference's answers to 217,000 texts for each of four vocabularies"
	@hack/tokenizergoldens/check.sh bin/tokenizers

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@hack/fuzz.sh $(FUZZTIME)

## ---- supply chain

bin/cyclonedx-gomod: hack/sbom/go.mod hack/sbom/go.sum
	@cd hack/sbom && go build -o ../../bin/ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch bin/cyclonedx-gomod

.PHONY: sbom
sbom: build bin/cyclonedx-gomod ## Write a CycloneDX SBOM of each program into bin/sbom
	$(STEP) "SBOM"
	@hack/sbom.sh bin/sbom $(VERSION)

.PHONY: reproducible
reproducible: ## Build programs and images twice, in other folders and from an empty cache, and compare their hashes (minutes)
	$(STEP) "two builds of $(VERSION)"
	@hack/reproducible.sh $(VERSION)

## ---- images

IMAGES := bin/images
OPERATOR_IMAGE ?= registry.local/aircache-operator:dev
RUNTIME_IMAGE ?= registry.local/aircache-runtime:dev
MODEL_IMAGE ?= registry.local/aircache-tiny:dev
MODELHOST_IMAGE ?= registry.local/aircache-modelhost:dev

.PHONY: images
images: lab-program native-libraries build ## Write the operator, the runtime and the tiny model as OCI tars into bin/images
	$(STEP) "images"
	@mkdir -p $(IMAGES)
	@$(LAB) image -name $(OPERATOR_IMAGE) -entrypoint /aircache-operator -file bin/aircache-operator -o $(IMAGES)/operator.tar
	@$(LAB) image -name $(RUNTIME_IMAGE) -entrypoint /aircache -ldd bin/aircache $$(hack/native-flags.sh) -o $(IMAGES)/runtime.tar
	@$(LAB) image -name $(MODEL_IMAGE) -dir models/aircache-tiny=/ -o $(IMAGES)/model.tar

.PHONY: modelhost-image
modelhost-image: lab-program
	@mkdir -p $(IMAGES) && go build -ldflags '$(LDFLAGS)' -o bin/ ./hack/modelhost
	@$(LAB) image -name $(MODELHOST_IMAGE) -entrypoint /modelhost -file bin/modelhost -o $(IMAGES)/modelhost.tar

GPU_RUNTIME_IMAGE ?= registry.local/aircache-runtime-gpu:dev
# Folders where the container toolkit puts the driver's libraries, and where ours lie.
GPU_LIBRARIES := /usr/lib/x86_64-linux-gnu:/usr/lib64:/usr/local/nvidia/lib64:/usr/local/cuda/lib64
.PHONY: image-gpu
image-gpu: lab-program native-libraries build-gpu ## Write the runtime for GPUs with cuBLASLt as an OCI tar into bin/images; CUDNN=1 adds cuDNN (0.6 and 1.2 GB)
	$(STEP) "GPU image"
	@go run ./hack/cuda runtime $(if $(CUDNN),-cudnn)
	@mkdir -p $(IMAGES)
	@$(LAB) image -name $(GPU_RUNTIME_IMAGE) -entrypoint /aircache -ldd bin/aircache $(addprefix -lib ,libstdc++.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libz.so.1) $$(hack/native-flags.sh) \
		-dir bin/cuda/runtime=/usr/local/cuda/lib64 -env NVIDIA_DRIVER_CAPABILITIES=compute,utility -env LD_LIBRARY_PATH=$(GPU_LIBRARIES) -o $(IMAGES)/runtime-gpu.tar

## ---- the product on a real cluster

# A cluster of the user's own is used when KUBECONFIG was set in the environment or on the command line.
ifdef KUBECONFIG
ON_CLUSTER := env
CLUSTER_NEEDS := own-cluster build helm
else
ON_CLUSTER = $(LAB) run -node real $(if $(KEEP),-keep) -image $(IMAGES)/operator.tar -image $(IMAGES)/runtime.tar -image $(IMAGES)/model.tar $(E2E_LAB_FLAGS) --
CLUSTER_NEEDS := lab-build helm images
E2E_NEEDS := lab-smoke scale-small modelhost-image
e2e: E2E_LAB_FLAGS = -image $(IMAGES)/modelhost.tar -karpenter $(NODE_POOLS) -audit
endif
IMAGE_FLAGS = -operator-image $(OPERATOR_IMAGE) -runtime-image $(RUNTIME_IMAGE) -model-image $(MODEL_IMAGE)

.PHONY: own-cluster
own-cluster:
	@echo "using the cluster of KUBECONFIG=$(KUBECONFIG); its nodes must be able to pull $(OPERATOR_IMAGE), $(RUNTIME_IMAGE) and $(MODEL_IMAGE), for e2e $(MODELHOST_IMAGE) too"

.PHONY: demo
demo: $(CLUSTER_NEEDS) ## Show the product on a real local Kubernetes; KEEP=1 leaves it up; KUBECONFIG=... uses that cluster
	@go build -o bin/demo ./hack/demo
	$(STEP) "demo"
	@$(ON_CLUSTER) bin/demo $(IMAGE_FLAGS) $(if $(KEEP),-keep)

.PHONY: e2e
e2e: $(CLUSTER_NEEDS) $(E2E_NEEDS) ## Run the end-to-end suite on a real local Kubernetes, or on KUBECONFIG's
	@go test -c -tags e2e -o bin/e2e.test ./e2e
	$(STEP) "e2e"
	@$(ON_CLUSTER) env E2E_OPERATOR_IMAGE=$(OPERATOR_IMAGE) E2E_RUNTIME_IMAGE=$(RUNTIME_IMAGE) E2E_MODEL_IMAGE=$(MODEL_IMAGE) \
		E2E_MODELHOST_IMAGE=$(MODELHOST_IMAGE) E2E_ROOT=$(CURDIR) \
		bin/e2e.test -ginkgo.v -test.timeout 20m
	@echo "e2e: ok"

.PHONY: try
try: ## Serve the tiny model here and ask about a picture: no cluster, no root
	@hack/native-libraries.sh || true
	@go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/aircache ./hack/tryout
	@bin/tryout -aircache bin/aircache

SOAK_REQUESTS ?= 10000
.PHONY: soak
soak: ## Ask a runtime SOAK_REQUESTS (10000) mixed requests on the CPU and hold it to growing by nothing (a quarter of an hour)
	@hack/native-libraries.sh || true
	@go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/aircache ./hack/soak
	@bin/soak -requests $(SOAK_REQUESTS) -json bin/soak.json

.PHONY: clean
clean: ## Remove everything that was built
	@rm -rf bin
