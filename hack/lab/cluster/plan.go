package cluster

// Verb is what a step does.
type Verb string

const (
	Start Verb = "start"
	Await Verb = "await"
	Do    Verb = "do"
)

// Names of what is awaited or done, besides components.
const (
	DefaultServiceAccount = "default service account"
	Runtime               = "containerd"
	APIServer             = "kube-apiserver"
	Plugins               = "kubelet's device plugin socket"
	NodeReady             = "node " + NodeName
	ImportImages          = "import images"
	CreateNodes           = "create KWOK nodes"
	CreatePools           = "create node pools"
	Karpenter             = "karpenter"
	NodesReady            = "every node"
)

// Step is one act on the way to a running cluster.
type Step struct {
	Verb Verb
	Name string
}

// Plan orders the steps. What takes long and needs nothing starts first: containerd
// loads its plugins and images are unpacked while the API server comes up.
func (c Config) Plan() []Step {
	plan := []Step{{Start, "etcd"}}
	if c.RealNode {
		plan = append(plan, Step{Start, Runtime})
	}
	plan = append(plan, Step{Start, APIServer})
	if c.RealNode {
		plan = append(plan, Step{Await, Runtime}, Step{Do, ImportImages})
	}
	plan = append(plan, Step{Await, APIServer})
	if c.RealNode { // the node's own waits are the longest: begin with them
		plan = append(plan, Step{Start, "kubelet"})
	}
	plan = append(plan, Step{Start, "kube-controller-manager"}, Step{Start, "kube-scheduler"}, Step{Start, "kwok"})
	if c.RealNode {
		plan = append(plan, Step{Start, "kube-proxy"})
		if c.GPUs > 0 {
			plan = append(plan, Step{Await, Plugins}, Step{Start, "fakegpu"})
		}
	}
	plan = append(plan, Step{Await, DefaultServiceAccount}, Step{Do, CreateNodes})
	if c.RealNode {
		plan = append(plan, Step{Await, NodeReady})
	}
	plan = append(plan, Step{Await, NodesReady})
	if c.Karpenter != "" { // its types must be there before it starts
		plan = append(plan, Step{Do, CreatePools}, Step{Start, Karpenter}, Step{Await, Karpenter})
	}
	return plan
}

// Components lists the processes of the plan in the order of their start.
func (c Config) Components() []string {
	var names []string
	for _, s := range c.Plan() {
		if s.Verb == Start {
			names = append(names, s.Name)
		}
	}
	return names
}
