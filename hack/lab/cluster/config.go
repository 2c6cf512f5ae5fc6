package cluster

import "path/filepath"

const (
	// NodeName is the one real node.
	NodeName = "lab-0"
	// PauseImage is the sandbox of every pod, imported from PauseTar.
	PauseImage = "registry.local/pause:lab"
	// PauseTar lies beside the binaries.
	PauseTar = "pause.tar"
	// NodeIP is the real node's address in its private network.
	NodeIP = "10.250.0.1"

	podCIDR     = "10.244.0.0/24"
	serviceCIDR = "10.96.0.0/16"
	apiIP       = "10.96.0.1" // first of serviceCIDR: Service kubernetes
	// DevicePlugins is where kubelet looks for plugins, whatever its root folder is.
	DevicePlugins = "/var/lib/kubelet/device-plugins"
)

// Ports of the control plane on this machine (or in the lab's private network).
type Ports struct{ Etcd, EtcdPeer, API, KarpenterMetrics, KarpenterHealth int }

// PrivatePorts can be fixed: nobody else is in the lab's network.
var PrivatePorts = Ports{Etcd: 2379, EtcdPeer: 2380, API: 6443, KarpenterMetrics: 8000, KarpenterHealth: 8081}

// Config is what distinguishes one cluster from another.
type Config struct {
	Dir         string // state; short, for socket paths end at 108 bytes
	Bin         string // programs
	Logs        string
	RealNode    bool // kubelet and containers; else only KWOK's nodes
	GPUs        int  // advertised by the real node
	NodeLabels  string
	Snapshotter string
	Karpenter   string // folder of instance types and node pools; empty for no autoscaler
	Controllers string // which of kube-controller-manager's run; empty for all
	Audit       bool   // log what service accounts ask for
	Ports       Ports
}

func (c Config) path(parts ...string) string {
	return filepath.Join(append([]string{c.Dir}, parts...)...)
}

// Kubeconfig of a user of the cluster; "admin" may do everything.
func (c Config) Kubeconfig(user string) string { return c.path(user + ".kubeconfig") }

// Socket of containerd.
func (c Config) Socket() string { return c.path("containerd.sock") }

func (c Config) nodeIP() string {
	if c.RealNode {
		return NodeIP
	}
	return "127.0.0.1"
}
