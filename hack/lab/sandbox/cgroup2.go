package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// enableControllers lets the children of a v2 cgroup use every controller it
// has. A cgroup other than the true root may hold no process then, so those
// that are in it move to a leaf beside the lab first: this is what makes v2 work
// inside a container. Written after the kernel's documentation; it has run only
// where cgroup v1 holds the controllers, not on a pure v2 machine.
func enableControllers(dir string) error {
	content, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("reading cgroup controllers: %w", err)
	}
	wanted := subtreeControl(string(content))
	if wanted == "" {
		return nil
	}
	target := filepath.Join(dir, "cgroup.subtree_control")
	err = os.WriteFile(target, []byte(wanted), 0o644)
	if errors.Is(err, syscall.EBUSY) {
		if err := moveToLeaf(dir); err != nil {
			return err
		}
		err = os.WriteFile(target, []byte(wanted), 0o644)
	}
	if err != nil {
		return fmt.Errorf("enabling cgroup controllers: %w", err)
	}
	return nil
}

// subtreeControl turns "cpu memory" into "+cpu +memory".
func subtreeControl(controllers string) string {
	fields := strings.Fields(controllers)
	for i := range fields {
		fields[i] = "+" + fields[i]
	}
	return strings.Join(fields, " ")
}

// moveToLeaf moves all processes of a cgroup into its child "lab-leaf".
func moveToLeaf(dir string) error {
	leaf := filepath.Join(dir, "lab-leaf")
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return fmt.Errorf("making a leaf cgroup: %w", err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("listing a cgroup's processes: %w", err)
	}
	for _, field := range strings.Fields(string(content)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("listing a cgroup's processes: %w", err)
		}
		// A process that has ended meanwhile, or belongs to the kernel, cannot be moved and need not be.
		if err := writeProc(leaf, pid); err != nil && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EINVAL) {
			return err
		}
	}
	return nil
}
