package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
)

// Lab reaches under the Kubernetes that hack/lab runs: to pods without the API server between, into a pod's network, and to the
// control plane's processes. All of it ends at the lab's own namespaces, where the test runs too.
type Lab struct{}

// podSubnetBits is the size of the lab's one pod subnet.
const podSubnetBits = 24

// FindLab says why where there is none: on a user's own cluster such things are not ours to do.
func FindLab() (Lab, error) {
	if os.Getenv("LAB_NODE") != "real" {
		return Lab{}, errors.New("this cluster is not the lab's (LAB_NODE is not real): its network and its control plane are left alone")
	}
	return Lab{}, nil
}

// PodPortURL is the address of a path behind a pod's port, without the API server.
func (Lab) PodPortURL(pod *corev1.Pod, port int, path string) string {
	return fmt.Sprintf("http://%s:%d/%s", pod.Status.PodIP, port, path)
}

// CutOff drops what other pods send to a runtime pod's ports. The kubelet's probes and the test come from the node and
// go through, so the pod stays ready and its users stay served: only the operator has lost it.
func (Lab) CutOff(ctx context.Context, pod *corev1.Pod) (restore func(context.Context) error, err error) {
	pid, err := processWith("--pod-uid=" + string(pod.UID))
	if err != nil {
		return nil, fmt.Errorf("cutting off pod %s: %w", pod.Name, err)
	}
	inside := func(ctx context.Context, stdin string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target", strconv.Itoa(pid), "--net"}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s in the network of pod %s: %w\n%s", args[0], pod.Name, err, out)
		}
		return out, nil
	}
	route, err := inside(ctx, "", "ip", "-4", "route", "show", "default")
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(route)) // default via 10.244.0.1 dev eth0
	if len(fields) < 3 || fields[1] != "via" {
		return nil, fmt.Errorf("cutting off pod %s: its default route is %q", pod.Name, route)
	}
	const rules = `table inet cut { chain in { type filter hook input priority 0; policy accept; tcp dport { 8000, 9443 } ip saddr %s ip saddr != %s drop; }; }`
	address, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil {
		return nil, fmt.Errorf("cutting off pod %s: %w", pod.Name, err)
	}
	neighbours := netip.PrefixFrom(address, podSubnetBits).Masked()
	if _, err := inside(ctx, fmt.Sprintf(rules, neighbours, fields[2]), "nft", "-f", "-"); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := inside(ctx, "", "nft", "delete", "table", "inet", "cut")
		return err
	}, nil
}

// TuningFile is what the kubelet has mounted into a runtime pod as its --tuning-file.
func (Lab) TuningFile(pod *corev1.Pod) (string, error) {
	pid, err := processWith("--pod-uid=" + string(pod.UID))
	if err != nil {
		return "", fmt.Errorf("reading the tuning file of pod %s: %w", pod.Name, err)
	}
	for _, arg := range pod.Spec.Containers[0].Args {
		if file, found := strings.CutPrefix(arg, "--tuning-file="); found {
			content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "root", file))
			return string(content), err
		}
	}
	return "", fmt.Errorf("pod %s has no --tuning-file", pod.Name)
}

// Freeze stops a component of the control plane without ending it: its connections stay open and nobody answers.
func (Lab) Freeze(component string) (thaw func() error, err error) {
	pid, err := processNamed(component)
	if err != nil {
		return nil, fmt.Errorf("freezing %s: %w", component, err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("freezing %s: %w", component, err)
	}
	return func() error { return syscall.Kill(pid, syscall.SIGCONT) }, nil
}

func processWith(argument string) (int, error) {
	return process(argument, func(argv [][]byte) bool {
		for _, a := range argv {
			if string(a) == argument {
				return true
			}
		}
		return false
	})
}

func processNamed(name string) (int, error) {
	return process(name, func(argv [][]byte) bool { return filepath.Base(string(argv[0])) == name })
}

// process finds the one process of the lab whose command line fits.
func process(what string, fits func(argv [][]byte) bool) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	found := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil || len(content) == 0 || !fits(bytes.Split(content, []byte{0})) {
			continue // it ended meanwhile, or is the kernel's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return 0, err
		}
		if found != 0 {
			return 0, fmt.Errorf("processes %d and %d are both %s", found, pid, what)
		}
		found = pid
	}
	if found == 0 {
		return 0, fmt.Errorf("no process is %s", what)
	}
	return found, nil
}
