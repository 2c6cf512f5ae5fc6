package cluster

import (
	"fmt"
	"path/filepath"
)

// Component is one process of the cluster.
type Component struct {
	Name string // log file and messages
	Path string
	Args []string
	Env  []string // besides the lab's own
}

// Component returns a process by name.
func (c Config) Component(name string) (Component, error) {
	arguments := map[string]func() []string{
		"etcd":                    c.etcd,
		"kube-apiserver":          c.apiserver,
		"kube-controller-manager": c.controllerManager,
		"kube-scheduler":          c.scheduler,
		"kwok":                    c.kwok,
		"karpenter":               c.karpenter,
		"containerd":              func() []string { return []string{"--config=" + c.path("containerd.toml")} },
		"kubelet":                 c.kubelet,
		"kube-proxy":              func() []string { return []string{"--config=" + c.path("kube-proxy.yaml")} },
		"fakegpu":                 func() []string { return []string{fmt.Sprintf("-count=%d", c.GPUs), "-dir=" + DevicePlugins} },
	}[name]
	if arguments == nil {
		return Component{}, fmt.Errorf("starting %q: there is no such component", name)
	}
	component := Component{Name: name, Path: filepath.Join(c.Bin, name), Args: arguments()}
	if name == Karpenter {
		component.Env = c.karpenterEnvironment()
	}
	return component, nil
}

func (c Config) etcd() []string {
	client := fmt.Sprintf("http://127.0.0.1:%d", c.Ports.Etcd)
	peer := fmt.Sprintf("http://127.0.0.1:%d", c.Ports.EtcdPeer)
	return []string{
		"--data-dir=" + c.path("etcd"),
		"--unsafe-no-fsync", // the data dies with the lab
		"--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
	}
}

func (c Config) apiserver() []string {
	bind := "127.0.0.1"
	if c.RealNode {
		bind = "0.0.0.0" // pods reach it through Service kubernetes
	}
	return append([]string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", c.Ports.Etcd),
		fmt.Sprintf("--secure-port=%d", c.Ports.API),
		"--bind-address=" + bind,
		"--advertise-address=" + NodeIP, // a loopback address is refused
		"--service-cluster-ip-range=" + serviceCIDR,
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		"--tls-cert-file=" + c.path("pki", "apiserver.crt"), "--tls-private-key-file=" + c.path("pki", "apiserver.key"),
		"--client-ca-file=" + c.path("pki", "ca.crt"),
		// The aggregation layer: an API server behind this one knows it by its certificate, and who asks by these headers.
		"--requestheader-client-ca-file=" + c.path("pki", "ca.crt"), "--requestheader-allowed-names=" + frontProxy,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.path("pki", frontProxy+".crt"), "--proxy-client-key-file=" + c.path("pki", frontProxy+".key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.path("pki", "sa.pub"), "--service-account-signing-key-file=" + c.path("pki", "sa.key"),
		"--kubelet-client-certificate=" + c.path("pki", "admin.crt"), "--kubelet-client-key=" + c.path("pki", "admin.key"),
		"--kubelet-certificate-authority=" + c.path("pki", "ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--v=1",
	}, c.audit()...)
}

// audit logs at once, not in batches: a test reads the file right after the call that it is about.
func (c Config) audit() []string {
	if !c.Audit {
		return nil
	}
	return []string{"--audit-policy-file=" + c.path(auditPolicy), "--audit-log-path=" + c.path(AuditLog), "--audit-log-mode=blocking"}
}

func (c Config) controllerManager() []string {
	args := []string{
		"--kubeconfig=" + c.Kubeconfig("controller-manager"),
		"--leader-elect=false",
		"--secure-port=0",
		"--service-account-private-key-file=" + c.path("pki", "sa.key"),
		"--root-ca-file=" + c.path("pki", "ca.crt"),
		"--use-service-account-credentials=true", // its own user may create next to nothing
		"--kube-api-qps=200", "--kube-api-burst=400",
		"--horizontal-pod-autoscaler-sync-period=5s", // 15 s by default
		"--v=1",
	}
	if c.Controllers != "" {
		args = append(args, "--controllers="+c.Controllers)
	}
	return args
}

func (c Config) scheduler() []string {
	return []string{"--kubeconfig=" + c.Kubeconfig("scheduler"), "--leader-elect=false", "--secure-port=0", "--v=1"}
}

func (c Config) kwok() []string {
	return []string{
		"--kubeconfig=" + c.Kubeconfig("admin"),
		"--config=" + filepath.Join(c.Bin, "kwok-stages.yaml"),
		"--manage-all-nodes=false",
		"--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
		// Its rule for nodes counts on leases; without them every node is lost after 50 s, and its pods with it.
		"--node-lease-duration-seconds=40",
	}
}

func (c Config) kubelet() []string {
	args := []string{
		"--config=" + c.path("kubelet.yaml"),
		"--kubeconfig=" + c.Kubeconfig("kubelet"),
		"--hostname-override=" + NodeName,
		"--node-ip=" + c.nodeIP(),
		"--cert-dir=" + c.path("pki", "kubelet"),
		"--v=1",
	}
	if c.NodeLabels != "" {
		args = append(args, "--node-labels="+c.NodeLabels)
	}
	return args
}

// karpenter has one batch of pods a second, where a real cloud would wait longer for more of them.
func (c Config) karpenter() []string {
	return []string{
		"-instance-types-file-path=" + filepath.Join(c.Karpenter, InstanceTypes),
		"-disable-leader-election=true",
		"-batch-idle-duration=1s",
		fmt.Sprintf("-metrics-port=%d", c.Ports.KarpenterMetrics),
		fmt.Sprintf("-health-probe-port=%d", c.Ports.KarpenterHealth),
	}
}

// karpenterEnvironment: it reads its namespace and the cluster's address from variables alone.
func (c Config) karpenterEnvironment() []string {
	return []string{"SYSTEM_NAMESPACE=default", "KUBECONFIG=" + c.Kubeconfig("admin")}
}
