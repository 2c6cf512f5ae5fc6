package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// EnterMounts replaces what a node writes to outside its state folder. It runs
// as the first thing in the new mount namespace.
func EnterMounts(dir string) error {
	steps := []func() error{
		// Nothing that is mounted from here on is seen outside; inside, kubelet needs sharing.
		func() error { return mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") },
		func() error { return mount("proc", "/proc", "proc", 0, "") },
		func() error { return mount("sysfs", "/sys", "sysfs", 0, "") },
		mountCgroups,
		func() error { return mount("tmpfs", "/run", "tmpfs", 0, "mode=755") },
		func() error { return coverFolders(dir) },
		func() error { return coverKernelSettings(dir) },
		func() error { return mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, "") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", kind, target, err)
	}
	return nil
}

// mountCgroups mounts every hierarchy afresh, rooted at the cgroup namespace's
// root, so that the lab sees its own cgroups alone.
func mountCgroups() error {
	list, _, err := current()
	if err != nil {
		return err
	}
	const root = "/sys/fs/cgroup"
	if isPureV2(list) {
		if err := mount("cgroup", root, "cgroup2", 0, ""); err != nil {
			return err
		}
		return enableControllers(root)
	}
	if err := mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, h := range list {
		name, kind, data := h.mountArguments()
		target := filepath.Join(root, name)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return fmt.Errorf("making %s: %w", target, err)
		}
		if err := mount("cgroup", target, kind, 0, data); err != nil {
			return err
		}
	}
	return nil
}

// mountArguments of a hierarchy: folder below /sys/fs/cgroup, file system, options.
func (h Hierarchy) mountArguments() (name, kind, data string) {
	switch named, isNamed := strings.CutPrefix(h.Controllers, "name="); {
	case h.Controllers == "":
		return "unified", "cgroup2", ""
	case isNamed:
		return named, "cgroup", "none," + h.Controllers
	default:
		return h.Controllers, "cgroup", h.Controllers
	}
}

// coverFolders lays a throw-away layer over the folders in which kubelet, CNI and
// containerd have fixed places: reading sees the machine's files, writing does not reach them.
func coverFolders(dir string) error {
	upper := filepath.Join(dir, "upper")
	if err := os.MkdirAll(upper, 0o755); err != nil {
		return fmt.Errorf("making the throw-away layer: %w", err)
	}
	// An overlay's upper layer must not lie on an overlay, as the state folder may in a container.
	if err := mount("tmpfs", upper, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, target := range []string{"/var/lib", "/var/log"} {
		name := filepath.Base(target)
		layer, work := filepath.Join(upper, name), filepath.Join(upper, name+"-work")
		for _, d := range []string{layer, work} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return fmt.Errorf("making the throw-away layer: %w", err)
			}
		}
		if err := mount("overlay", target, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", target, layer, work)); err != nil {
			return err
		}
	}
	return bindKubelet(dir)
}

// bindKubelet keeps pods' volumes on the disk: the layer above lives in memory.
func bindKubelet(dir string) error {
	source, target := filepath.Join(dir, "kubelet"), "/var/lib/kubelet"
	for _, d := range []string{filepath.Join(source, "device-plugins"), target} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("making kubelet's folder: %w", err)
		}
	}
	return mount(source, target, "", syscall.MS_BIND, "")
}

// kernelSettings that kubelet sets for the whole machine: no namespace holds them.
var kernelSettings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// coverKernelSettings shows kubelet the values that it wants, as plain files over
// the real ones, so that it leaves the machine's own as they are.
func coverKernelSettings(dir string) error {
	folder := filepath.Join(dir, "kernel")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("covering kernel settings: %w", err)
	}
	for name, value := range kernelSettings {
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); err != nil {
			continue // this kernel lacks it, and kubelet copes
		}
		source := filepath.Join(folder, strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
			return fmt.Errorf("covering kernel settings: %w", err)
		}
		if err := mount(source, target, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}
