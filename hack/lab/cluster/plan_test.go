package cluster

import (
	"slices"
	"testing"
)

func real() Config {
	return Config{Dir: "/tmp/x", Bin: "/opt/lab", RealNode: true, GPUs: 8, Snapshotter: "overlayfs", Ports: PrivatePorts}
}

func TestPlanOrdersSteps(t *testing.T) {
	before := func(t *testing.T, plan []Step, first, second Step) {
		t.Helper()
		i, j := slices.Index(plan, first), slices.Index(plan, second)
		if i < 0 || j < 0 || i >= j {
			t.Errorf("%v must come before %v in %v", first, second, plan)
		}
	}
	plan := real().Plan()
	for _, pair := range [][2]Step{
		{{Start, "etcd"}, {Start, APIServer}},
		{{Start, Runtime}, {Await, Runtime}},
		{{Await, Runtime}, {Do, ImportImages}},
		{{Do, ImportImages}, {Start, "kubelet"}}, // else pods that never pull start without their image
		{{Await, APIServer}, {Start, "kubelet"}},
		{{Start, "kubelet"}, {Await, Plugins}},
		{{Await, Plugins}, {Start, "fakegpu"}},
		{{Start, "fakegpu"}, {Await, NodeReady}}, // which checks the GPUs too
		{{Start, "kwok"}, {Await, NodesReady}},
		{{Do, CreateNodes}, {Await, NodesReady}},
		{{Await, DefaultServiceAccount}, {Await, NodesReady}}, // without it no pod can be created
	} {
		before(t, plan, pair[0], pair[1])
	}
}

func TestPlanWithoutRealNodeStartsNoContainerRuntime(t *testing.T) {
	got := Config{Dir: "/tmp/x", Bin: "/opt/lab"}.Components()
	want := []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPlanWithoutGPUsHasNoDevicePlugin(t *testing.T) {
	c := real()
	c.GPUs = 0
	if slices.Contains(c.Components(), "fakegpu") || slices.Contains(c.Plan(), Step{Await, Plugins}) {
		t.Errorf("the plan %v has a device plugin", c.Plan())
	}
}

func TestKarpenterStartsOnlyWhenAskedForAndAfterItsPools(t *testing.T) {
	if slices.Contains(real().Components(), Karpenter) {
		t.Error("Karpenter starts although nobody asked")
	}
	plan := autoscaled().Plan()
	pools, start := slices.Index(plan, Step{Do, CreatePools}), slices.Index(plan, Step{Start, Karpenter})
	if pools < 0 || start < pools || plan[len(plan)-1] != (Step{Await, Karpenter}) {
		t.Errorf("the plan is %v", plan)
	}
}

func autoscaled() Config {
	c := real()
	c.Karpenter = "/pools"
	return c
}

func TestEveryComponentOfThePlanIsKnown(t *testing.T) {
	for _, name := range autoscaled().Components() {
		if _, err := autoscaled().Component(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := real().Component("dockerd"); err == nil {
		t.Error("an unknown component must be an error")
	}
}
