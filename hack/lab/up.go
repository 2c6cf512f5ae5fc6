package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"aircache.dev/aircache/hack/lab/cluster"
)

// stepLimit is generous: two loaded cores take a quarter of it.
const stepLimit = 120 * time.Second

// stepError is a failed step of the plan.
type stepError struct {
	step cluster.Step
	err  error
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// component whose log tells most about the failure.
func (e *stepError) component() string {
	switch e.step.Name {
	case cluster.DefaultServiceAccount:
		return "kube-controller-manager"
	case cluster.NodeReady, cluster.Plugins:
		return "kubelet"
	case cluster.ImportImages:
		return cluster.Runtime
	case cluster.CreateNodes, cluster.CreatePools:
		return cluster.APIServer
	case cluster.NodesReady:
		return "kwok"
	}
	return e.step.Name
}

// up goes through the plan.
func (l *lab) up(ctx context.Context) error {
	for _, step := range l.config.Plan() {
		limited, cancel := context.WithTimeoutCause(ctx, stepLimit, fmt.Errorf("%s are over", stepLimit))
		err := l.take(limited, step)
		cancel()
		if err != nil {
			return &stepError{step, err}
		}
		if step.Verb == cluster.Await {
			l.say("%s is ready", step.Name)
		}
	}
	return nil
}

func (l *lab) take(ctx context.Context, step cluster.Step) error {
	switch step.Verb {
	case cluster.Start:
		c, err := l.config.Component(step.Name)
		if err != nil {
			return err
		}
		return l.supervisor.StartWith(c.Env, c.Name, c.Path, c.Args...)
	case cluster.Await:
		return l.supervisor.Await(ctx, step.Name, l.check(step.Name))
	}
	switch step.Name {
	case cluster.ImportImages:
		return l.importImages(ctx)
	case cluster.CreatePools:
		return l.createPools(ctx)
	}
	return l.createNodes(ctx)
}

// check returns what is polled while waiting for name.
func (l *lab) check(name string) func(context.Context) error {
	switch name {
	case cluster.Runtime:
		return func(ctx context.Context) error { return l.ctr(ctx, "version") }
	case cluster.Plugins:
		return func(context.Context) error {
			_, err := os.Stat(filepath.Join(cluster.DevicePlugins, "kubelet.sock"))
			return err
		}
	case cluster.Karpenter:
		return l.config.KarpenterIsReady
	case cluster.DefaultServiceAccount:
		return l.get("/api/v1/namespaces/default/serviceaccounts/default", nil)
	case cluster.NodeReady:
		return l.get("/api/v1/nodes/"+cluster.NodeName, func(body []byte) error { return cluster.CheckNode(body, l.GPUs) })
	case cluster.NodesReady:
		return l.get("/api/v1/nodes", cluster.CheckNodes)
	}
	return l.get("/readyz", nil)
}

func (l *lab) get(path string, check func([]byte) error) func(context.Context) error {
	return func(ctx context.Context) error {
		body, err := l.client.Get(ctx, path)
		if err != nil || check == nil {
			return err
		}
		return check(body)
	}
}

func (l *lab) ctr(ctx context.Context, args ...string) error {
	args = append([]string{"--address", l.config.Socket(), "--namespace", "k8s.io"}, args...)
	if output, err := exec.CommandContext(ctx, filepath.Join(l.Bin, "ctr"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("running ctr: %w: %s", err, output)
	}
	return nil
}

// importImages unpacks the tars on the client's side (--local): the daemon's own
// way unpacks for one snapshotter only.
func (l *lab) importImages(ctx context.Context) error {
	tars := append([]string{filepath.Join(l.Bin, cluster.PauseTar)}, l.Images...)
	for _, tar := range tars {
		if err := l.ctr(ctx, "images", "import", "--local", "--snapshotter", l.config.Snapshotter, tar); err != nil {
			return fmt.Errorf("importing %s: %w", tar, err)
		}
	}
	l.say("%d images imported", len(tars))
	return nil
}

func (l *lab) createNodes(ctx context.Context) error {
	file := l.KwokNodes
	if file == "" {
		file = filepath.Join(l.Dir, "kwok-node.yaml")
		if err := os.WriteFile(file, []byte(l.config.GPUNode()), 0o644); err != nil {
			return fmt.Errorf("writing the KWOK node: %w", err)
		}
	}
	if err := l.kubectl(ctx, "create", "-f", file); err != nil {
		return fmt.Errorf("creating KWOK nodes: %w", err)
	}
	return nil
}

// createPools makes Karpenter's types known, then what the user's folder holds of them.
func (l *lab) createPools(ctx context.Context) error {
	for _, args := range [][]string{
		{"create", "-f", filepath.Join(l.Bin, cluster.KarpenterCRDs)},
		{"wait", "--for=condition=Established", "--timeout=60s", "-f", filepath.Join(l.Bin, cluster.KarpenterCRDs)},
		{"apply", "-f", filepath.Join(l.Karpenter, cluster.NodePools)},
	} {
		if err := l.kubectl(ctx, args...); err != nil {
			return fmt.Errorf("creating node pools: %w", err)
		}
	}
	return nil
}

func (l *lab) kubectl(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(l.Bin, "kubectl"), append([]string{"--kubeconfig", l.config.Kubeconfig("admin")}, args...)...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", args[0], err, output)
	}
	return nil
}
