package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Hierarchy is one line of /proc/self/cgroup: a v1 controller, a named v1
// hierarchy ("name=systemd"), or v2 (empty).
type Hierarchy struct{ Controllers, Path string }

// parseHierarchies reads lines such as "4:memory:/a/b" and "0::/".
func parseHierarchies(content string) []Hierarchy {
	var list []Hierarchy
	for line := range strings.Lines(content) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 {
			list = append(list, Hierarchy{parts[1], parts[2]})
		}
	}
	return list
}

// mountOf finds where a hierarchy is mounted, given /proc/self/mounts; "" if nowhere.
func (h Hierarchy) mountOf(mounts string) string {
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		if h.Controllers == "" && f[2] == "cgroup2" {
			return f[1]
		}
		first, _, _ := strings.Cut(h.Controllers, ",")
		if h.Controllers != "" && f[2] == "cgroup" && slices.Contains(strings.Split(f[3], ","), first) {
			return f[1]
		}
	}
	return ""
}

// isPureV2 says that there is one unified hierarchy and no v1 controller.
func isPureV2(list []Hierarchy) bool {
	return len(list) == 1 && list[0].Controllers == ""
}

// Cgroup is a cgroup made for the lab, and where the lab's user came from.
type Cgroup struct{ Parent, Path string }

// Current reads the hierarchies and mounts of this process.
func current() ([]Hierarchy, string, error) {
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, "", fmt.Errorf("reading this process's cgroups: %w", err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, "", fmt.Errorf("reading mounts: %w", err)
	}
	return parseHierarchies(string(self)), string(mounts), nil
}

// MakeCgroups makes one cgroup below the current one in every hierarchy. They
// become the roots of the lab's cgroup namespace.
func MakeCgroups(name string) ([]Cgroup, error) {
	list, mounts, err := current()
	if err != nil {
		return nil, err
	}
	var made []Cgroup
	for _, h := range list {
		mount := h.mountOf(mounts)
		if mount == "" {
			continue
		}
		parent := filepath.Join(mount, h.Path)
		if isPureV2(list) {
			// Below a login session's cgroup no controller could be enabled: that one holds processes.
			parent = mount
			if err := enableControllers(mount); err != nil {
				return made, err
			}
		}
		c := Cgroup{parent, filepath.Join(parent, name)}
		if err := os.Mkdir(c.Path, 0o755); err != nil {
			return made, fmt.Errorf("making a cgroup: %w", err)
		}
		made = append(made, c)
		if h.Controllers == "cpuset" {
			if err := copyCpuset(c); err != nil {
				return made, err
			}
		}
	}
	return made, nil
}

// copyCpuset: a new v1 cpuset is empty, and an empty one takes no process.
func copyCpuset(c Cgroup) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(c.Parent, name))
		if err != nil {
			return fmt.Errorf("copying %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(c.Path, name), value, 0o644); err != nil {
			return fmt.Errorf("copying %s: %w", name, err)
		}
	}
	return nil
}

// Join moves this process into the cgroups; Leave moves it back.
func Join(list []Cgroup) error { return move(list, func(c Cgroup) string { return c.Path }) }

// Leave returns this process to where it came from.
func Leave(list []Cgroup) error { return move(list, func(c Cgroup) string { return c.Parent }) }

func move(list []Cgroup, to func(Cgroup) string) error {
	var failed []error
	for _, c := range list {
		failed = append(failed, writeProc(to(c), os.Getpid()))
	}
	return errors.Join(failed...)
}

func writeProc(dir string, pid int) error {
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("moving process %d to a cgroup: %w", pid, err)
	}
	return nil
}

// RemoveCgroup removes a cgroup and those below it; it fails while processes are in them.
func RemoveCgroup(dir string) error {
	var below []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			below = append(below, p)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing cgroups: %w", err)
	}
	var failed []error
	for _, p := range slices.Backward(below) {
		if err := syscall.Rmdir(p); err != nil && !errors.Is(err, syscall.ENOENT) {
			failed = append(failed, fmt.Errorf("removing cgroup %s: %w", p, err))
		}
	}
	return errors.Join(failed...)
}
