package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sort"
)

// Chart installs and removes charts/aircache-operator with the helm on PATH.
type Chart struct {
	Folder    string
	Release   string
	Namespace string
}

// Install installs or upgrades the release and waits for its Deployment.
func (c Chart) Install(ctx context.Context, values map[string]string) error {
	args := []string{"upgrade", "--install", c.Release, c.Folder, "--namespace", c.Namespace, "--create-namespace", "--wait", "--timeout", "180s"}
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		args = append(args, "--set", k+"="+values[k])
	}
	return helm(ctx, args...)
}

// Uninstall removes the release; CRDs stay, as Helm leaves them.
func (c Chart) Uninstall(ctx context.Context) error {
	return helm(ctx, "uninstall", c.Release, "--namespace", c.Namespace, "--wait", "--timeout", "120s")
}

func helm(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "helm", args...)
	cmd.Env = os.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("helm %s: %w\n%s", args[0], err, out)
	}
	return nil
}
