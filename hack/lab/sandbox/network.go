package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// networkCommands give the node an interface of its own. A veth pair serves as
// one, for not every kernel has dummy interfaces; the peer only keeps it up. The
// default route makes Service addresses leave through it, where kube-proxy's rules see them.
func networkCommands(address string) [][]string {
	return [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", "node0", "type", "veth", "peer", "name", "node0p"},
		{"link", "set", "node0p", "up"},
		{"addr", "add", address + "/24", "dev", "node0"},
		{"link", "set", "node0", "up"},
		{"route", "add", "default", "dev", "node0"},
	}
}

// EnterNetwork sets up the new network namespace and the host name.
func EnterNetwork(address string) error {
	if err := syscall.Sethostname([]byte("lab")); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	for _, args := range networkCommands(address) {
		if output, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("running ip %s: %w: %s", strings.Join(args, " "), err, output)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("turning on forwarding: %w", err)
	}
	return nil
}
