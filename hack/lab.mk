# The lab: a real Kubernetes on this machine (hack/lab/README.md). Included by the root Makefile.

LAB_BIN := $(CURDIR)/bin/lab
LAB := $(LAB_BIN)/lab
SMOKE := $(LAB_BIN)/smoke
# Three autoscaled GPU pools, one of them out of capacity.
NODE_POOLS := $(CURDIR)/hack/karpenter/pools
# KEEP=1 leaves the lab up when the command has ended, until Ctrl-C.
LAB_RUN = $(LAB) run $(if $(KEEP),-keep)

.PHONY: lab
lab: lab-build ## Open a shell in a real local Kubernetes; CMD="kubectl get nodes" runs one command, KEEP=1 leaves it up
ifeq ($(origin CMD),undefined)
	@$(LAB_RUN) $(LAB_FLAGS)
else
	@$(LAB_RUN) $(LAB_FLAGS) -- bash -c '$(subst ','\'',$(value CMD))'
endif

.PHONY: lab-build
lab-build: lab-program ## Build everything that the lab runs (about 10 minutes once, then nothing)
	@$(LAB) build all

# The launcher itself; its own build cache makes this a fraction of a second.
.PHONY: lab-program
lab-program:
	@CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' go build -o $(LAB) ./hack/lab

.PHONY: envtest-assets
envtest-assets: lab-program ## Build etcd, kube-apiserver and kubectl alone, and print their folder (KUBEBUILDER_ASSETS)
	@$(LAB) build envtest
	@echo $(LAB_BIN)

.PHONY: lab-smoke
lab-smoke: lab-build lab-smoke-images ## Prove that the lab runs containers, Services, image volumes, pretended GPUs, KWOK nodes and the real Karpenter
	@$(LAB) run -node kwok -audit -karpenter $(NODE_POOLS) -- $(SMOKE)/smoke.test -test.v -test.run 'TestKarpenter|TestAudit'
	@$(LAB) run -node real -image $(SMOKE)/hello.tar -image $(SMOKE)/cat.tar -image $(SMOKE)/model.tar -- \
		env SMOKE_MODEL="$$(cat $(SMOKE)/model.ref)" $(SMOKE)/smoke.test -test.v -test.run TestLab
	@LAB=$(LAB) $(SMOKE)/smoke.test -test.v -test.run TestTeardown

# The API server refuses endpoints in 127.0.0.0/8, where the pretended pods answer: nobody should try to make some. Pods of a node that is
# not heard of for 40 s are marked as not ready, which a kubelet takes back and KWOK never does: nobody should mark them.
PRETENDED_LAB = $(LAB) run -node kwok -audit -controllers '*,-endpointslice-controller,-endpoints-controller,-endpointslice-mirroring-controller,-node-lifecycle-controller'

.PHONY: scale
scale: lab-build pretended-programs ## Measure the operator with 1,000 objects and 2,000 pods (about 15 minutes); writes docs/scale.md
	@$(PRETENDED_LAB) -- bin/scale -profiles -json docs/scale.json -document docs/scale.md

.PHONY: scale-small
scale-small: lab-build pretended-programs
	@$(PRETENDED_LAB) -- bin/scale -objects 50 -pods 100 -edits 20 -quiet 10s -resync 300 -slack 5

# CHAOS="-seed 7 -for 10m" replays a run.
.PHONY: chaos
chaos: lab-build pretended-programs ## Break what is around the operator, and itself, for 30 minutes, and hold it to its invariants; CHAOS="-seed 7 -for 10m"
	@$(PRETENDED_LAB) -restart -- bin/chaos $(CHAOS)

.PHONY: chaos-small
chaos-small: lab-build pretended-programs
	@$(PRETENDED_LAB) -restart -- bin/chaos -for 45s -objects 4

.PHONY: pretended-programs
pretended-programs:
	@CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' go build -o bin/ ./cmd/aircache-operator ./hack/scale ./hack/chaos

.PHONY: lab-smoke-images
lab-smoke-images: lab-program
	@mkdir -p $(SMOKE)/model && echo "an answer from the image volume" > $(SMOKE)/model/answer
	@CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' go build -o $(SMOKE)/hello ./hack/lab/smoke/hello
	@CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' go test -c -tags e2e -o $(SMOKE)/smoke.test ./hack/lab/smoke
	@$(LAB) image -name registry.local/smoke-hello:lab -entrypoint /hello -file $(SMOKE)/hello -o $(SMOKE)/hello.tar >/dev/null
	@$(LAB) image -name registry.local/smoke-cat:lab -entrypoint /cat -ldd /bin/cat=/cat -o $(SMOKE)/cat.tar >/dev/null
	@$(LAB) image -name registry.local/smoke-model:lab -dir $(SMOKE)/model=/ -o $(SMOKE)/model.tar > $(SMOKE)/model.ref
