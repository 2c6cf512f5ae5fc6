package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"aircache.dev/aircache/hack/lab/cluster"
)

// decideNode chooses between a real node and KWOK alone. why is what stands
// against a real one; a fallback carries a warning that cannot be overlooked.
func decideNode(asked string, why error) (real bool, warning string, err error) {
	switch {
	case asked == nodeKwok:
		return false, "", nil
	case why == nil:
		return true, "", nil
	case asked == nodeReal:
		return false, "", fmt.Errorf("starting a real node: %w", why)
	}
	const line = "lab: ****************************************************************************\n"
	return false, line + fmt.Sprintf("lab: NO REAL NODE: %v\n", why) +
		"lab: Only the control plane and KWOK's pretended nodes run. NO CONTAINER RUNS:\n" +
		"lab: pods are Running on paper only, and no Service answers.\n" + line, nil
}

// runtimePrograms are used by the real node, besides its components.
var runtimePrograms = []string{"containerd-shim-runc-v2", "ctr", "runc", "bridge", "host-local", "loopback", cluster.PauseTar}

// missingPrograms says what has not been built, or is not installed.
func missingPrograms(c cluster.Config) error {
	wanted := append(c.Components(), "kubectl", "kwok-stages.yaml")
	if c.Karpenter != "" {
		wanted = append(wanted, cluster.KarpenterCRDs)
	}
	if c.RealNode {
		wanted = append(wanted, runtimePrograms...)
	}
	var missing []string
	for _, name := range wanted {
		if _, err := os.Stat(filepath.Join(c.Bin, name)); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not in %s: %s (make lab-build makes them)", c.Bin, strings.Join(missing, ", "))
	}
	if !c.RealNode {
		return nil
	}
	var absent []error
	for _, name := range []string{"nft", "ip", "mount"} {
		if _, err := exec.LookPath(name); err != nil {
			absent = append(absent, err)
		}
	}
	return errors.Join(absent...)
}
