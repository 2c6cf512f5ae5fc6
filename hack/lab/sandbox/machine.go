package sandbox

import (
	"fmt"
	"net"
	"syscall"

	"aircache.dev/aircache/hack/lab/cluster"
)

const overlayMagic = 0x794c7630

// Snapshotter that works below dir: an overlay cannot lie on an overlay, where
// plain copies (slower, larger) must do.
func Snapshotter(dir string) (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return "", fmt.Errorf("looking at the state folder's file system: %w", err)
	}
	if fs.Type == overlayMagic {
		return "native", nil
	}
	return "overlayfs", nil
}

// FreePorts finds ports for a control plane that shares the machine's network.
func FreePorts() (cluster.Ports, error) {
	var ports [5]int
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return cluster.Ports{}, fmt.Errorf("finding a free port: %w", err)
		}
		defer listener.Close() // all at once: none is found twice
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return cluster.Ports{Etcd: ports[0], EtcdPeer: ports[1], API: ports[2], KarpenterMetrics: ports[3], KarpenterHealth: ports[4]}, nil
}
