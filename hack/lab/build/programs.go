package build

import (
	"fmt"
	"slices"
)

// Program is one binary of the lab and where it comes from.
type Program struct {
	Name    string
	Module  string // folder of the Go module, relative to the repository
	Package string
	Sources string   // folder of the package when it is ours, so that edits rebuild it
	Version string   // required module whose version fills in Vars
	Vars    []string // linker variables; {version} {bare} {major} {minor} are filled in
	CGO     bool     // runc alone: libseccomp is a C library
	Tags    string
	LDFlags string
}

// Group is a set of programs that are wanted together.
type Group string

const (
	// Envtest is what KUBEBUILDER_ASSETS needs.
	Envtest Group = "envtest"
	// ControlPlane is enough for a cluster with KWOK nodes, without root.
	ControlPlane Group = "control-plane"
	// Node is what a real kubelet needs besides the control plane.
	Node Group = "node"
	// All is every program, Karpenter and Helm included.
	All Group = "all"
)

const (
	kubernetes = "k8s.io/kubernetes"
	containerd = "github.com/containerd/containerd/v2"
	runc       = "github.com/opencontainers/runc"
	karpenter  = "sigs.k8s.io/karpenter"
	cni        = "github.com/containernetworking/plugins/plugins/"
)

// programs lists the ones that others wait for first; each shares most of what
// it compiles with its predecessors.
var programs = []struct {
	group Group
	Program
}{
	{Envtest, Program{Name: "etcd", Module: "hack/kube", Package: "go.etcd.io/etcd/server/v3"}},
	{Envtest, kube("kube-apiserver")},
	{Envtest, kube("kubectl")},
	{ControlPlane, kube("kube-controller-manager")},
	{ControlPlane, kube("kube-scheduler")},
	{ControlPlane, Program{Name: "kwok", Module: "hack/kwok", Package: "sigs.k8s.io/kwok/cmd/kwok"}},
	{Node, kube("kubelet")},
	{Node, kube("kube-proxy")},
	{Node, Program{Name: "fakegpu", Module: "hack/kube", Package: "./fakegpu", Sources: "hack/kube/fakegpu"}},
	{Node, Program{Name: "pause", Module: ".", Package: "./hack/lab/pause", Sources: "hack/lab/pause"}},
	{Node, node("containerd")},
	{Node, node("containerd-shim-runc-v2")},
	{Node, node("ctr")},
	{Node, Program{Name: "bridge", Module: "hack/node", Package: cni + "main/bridge"}},
	{Node, Program{Name: "host-local", Module: "hack/node", Package: cni + "ipam/host-local"}},
	{Node, Program{Name: "loopback", Module: "hack/node", Package: cni + "main/loopback"}},
	// Without the seccomp tag every sandbox fails: the runtime asks for a profile.
	{Node, Program{Name: "runc", Module: "hack/node", Package: runc, CGO: true, Tags: "seccomp netgo osusergo",
		LDFlags: "-linkmode external -extldflags -static", Version: runc, Vars: []string{"main.version={bare}"}}},
	{All, Program{Name: "karpenter", Module: "hack/karpenter", Package: karpenter + "/kwok"}},
	{All, Program{Name: "helm", Module: "hack/helm", Package: "helm.sh/helm/v4/cmd/helm",
		Version: "helm.sh/helm/v4", Vars: []string{"helm.sh/helm/v4/internal/version.version={version}"}}},
}

func kube(name string) Program {
	var vars []string
	for _, module := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		vars = append(vars, module+".gitVersion={version}", module+".gitMajor={major}", module+".gitMinor={minor}")
	}
	return Program{Name: name, Module: "hack/kube", Package: kubernetes + "/cmd/" + name, Version: kubernetes, Vars: vars}
}

func node(name string) Program {
	return Program{Name: name, Module: "hack/node", Package: containerd + "/cmd/" + name, Version: containerd,
		Vars: []string{containerd + "/version.Version={version}"}}
}

// groups says what each group holds; a larger one includes the smaller.
var groups = map[Group][]Group{
	Envtest:      {Envtest},
	ControlPlane: {Envtest, ControlPlane},
	Node:         {Envtest, ControlPlane, Node},
	All:          {Envtest, ControlPlane, Node, All},
}

// Select returns the programs of the named groups, or single programs by name, in build order.
func Select(names ...string) ([]Program, error) {
	wanted := map[string]bool{}
	for _, name := range names {
		found := false
		for _, p := range programs {
			if p.Name == name || slices.Contains(groups[Group(name)], p.group) {
				wanted[p.Name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("selecting %q: neither a program nor one of the groups %s, %s, %s, %s", name, Envtest, ControlPlane, Node, All)
		}
	}
	var list []Program
	for _, p := range programs {
		if wanted[p.Name] {
			list = append(list, p.Program)
		}
	}
	return list, nil
}
