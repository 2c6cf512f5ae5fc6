package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"aircache.dev/aircache/hack/lab/cluster"
)

// options of `lab run`; the processes of a lab hand them on as a file in the state folder.
type options struct {
	Node        string   // auto, real or kwok: what the user asked for
	Images      []string // tars to import, absolute
	GPUs        int
	KwokNodes   string // manifest in place of the built-in KWOK node
	NodeLabels  string
	Karpenter   string // folder of instance types and node pools, absolute
	Audit       bool
	Controllers string
	Keep        bool
	Restart     bool
	Command     []string

	// Decided by `lab run`.
	Bin, Dir string
	Real     bool
}

const (
	nodeAuto = "auto"
	nodeReal = "real"
	nodeKwok = "kwok"
)

func parseRun(args []string) (options, error) {
	var o options
	var images repeated
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.StringVar(&o.Node, "node", nodeAuto, "real: kubelet and containers, or fail; kwok: pretended nodes only; auto: real where possible")
	flags.Var(&images, "image", "OCI tar to import into the real node (repeatable)")
	flags.IntVar(&o.GPUs, "gpus", 8, "nvidia.com/gpu that the real node advertises")
	flags.StringVar(&o.KwokNodes, "kwok-nodes", "", "manifest of KWOK nodes (default: one with 8 GPUs)")
	flags.StringVar(&o.NodeLabels, "node-labels", "nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3", "labels of the real node, a=b,c=d")
	flags.StringVar(&o.Karpenter, "karpenter", "", "folder with instance-types.json and nodepools.yaml: start the real Karpenter, which adds pretended nodes for pods that find none")
	flags.BoolVar(&o.Audit, "audit", false, "log the requests of service accounts to audit.log in LAB_DIR (hack/lab/audit reads it)")
	flags.StringVar(&o.Controllers, "controllers", "", "--controllers of kube-controller-manager, such as *,-endpointslice-controller; all when empty")
	flags.BoolVar(&o.Restart, "restart", false, "start a component that ends by itself again, as a kubelet does")
	flags.BoolVar(&o.Keep, "keep", false, "leave the lab up when the command has ended, until Ctrl-C or lab stop")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.Command = flags.Args()
	if o.Node != nodeAuto && o.Node != nodeReal && o.Node != nodeKwok {
		return o, fmt.Errorf("reading -node: %q is none of %s, %s, %s", o.Node, nodeAuto, nodeReal, nodeKwok)
	}
	if o.GPUs < 0 || o.GPUs > 1024 {
		return o, fmt.Errorf("reading -gpus: %d is outside 0..1024", o.GPUs)
	}
	for _, image := range images {
		if err := makeAbsolute(&image); err != nil {
			return o, fmt.Errorf("reading -image: %w", err)
		}
		o.Images = append(o.Images, image)
	}
	if o.KwokNodes != "" {
		if err := makeAbsolute(&o.KwokNodes); err != nil {
			return o, fmt.Errorf("reading -kwok-nodes: %w", err)
		}
	}
	for _, name := range []string{cluster.InstanceTypes, cluster.NodePools} {
		if _, err := os.Stat(filepath.Join(o.Karpenter, name)); o.Karpenter != "" && err != nil {
			return o, fmt.Errorf("reading -karpenter: %w", err)
		}
	}
	if o.Karpenter != "" {
		if err := makeAbsolute(&o.Karpenter); err != nil {
			return o, fmt.Errorf("reading -karpenter: %w", err)
		}
	}
	return o, nil
}

// makeAbsolute also says early that a file is missing.
func makeAbsolute(path *string) error {
	absolute, err := filepath.Abs(*path)
	if err != nil {
		return err
	}
	*path = absolute
	_, err = os.Stat(absolute)
	return err
}

func (o options) file() string { return filepath.Join(o.Dir, "options.json") }

func (o options) save() error {
	content, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("writing the lab's options: %w", err)
	}
	if err := os.WriteFile(o.file(), content, 0o600); err != nil {
		return fmt.Errorf("writing the lab's options: %w", err)
	}
	return nil
}

func loadOptions(dir string) (options, error) {
	o := options{Dir: dir}
	content, err := os.ReadFile(o.file())
	if err != nil {
		return o, fmt.Errorf("reading the lab's options: %w", err)
	}
	if err := json.Unmarshal(content, &o); err != nil {
		return o, fmt.Errorf("reading the lab's options: %w", err)
	}
	return o, nil
}

// config of the cluster that the options ask for, but for its ports.
func (o options) config() cluster.Config {
	return cluster.Config{
		Dir: o.Dir, Bin: o.Bin, Logs: filepath.Join(o.Dir, "logs"),
		RealNode: o.Real, GPUs: o.GPUs, NodeLabels: o.NodeLabels,
		Snapshotter: "overlayfs", Ports: cluster.PrivatePorts,
		Karpenter: o.Karpenter, Audit: o.Audit, Controllers: o.Controllers,
	}
}
