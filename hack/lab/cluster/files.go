package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// files are the configurations that components read, by name in the state folder.
func (c Config) files() map[string]string {
	files := map[string]string{}
	for _, user := range users {
		files[user.name+".kubeconfig"] = c.kubeconfigText(user.name)
	}
	if c.Audit {
		files[auditPolicy] = auditText
	}
	if !c.RealNode {
		return files
	}
	files["containerd.toml"] = c.containerdText()
	files["kubelet.yaml"] = c.kubeletText()
	files["kube-proxy.yaml"] = c.proxyText()
	files["resolv.conf"] = "nameserver " + c.nodeIP() + "\n"
	files["cni/10-lab.conflist"] = c.cniText()
	return files
}

// Write puts certificates and configurations into the state folder.
func (c Config) Write() error {
	if err := c.writePKI(); err != nil {
		return err
	}
	for name, text := range c.files() {
		file := c.path(name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

func (c Config) kubeconfigText(user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %q}}]
users: [{name: %q, user: {client-certificate: %q, client-key: %q}}]
contexts: [{name: lab, context: {cluster: lab, user: %q}}]
current-context: lab
`, c.Ports.API, c.path("pki", "ca.crt"), user, c.path("pki", user+".crt"), c.path("pki", user+".key"), user)
}

// containerdText: a root without CAP_SYS_RESOURCE cannot lower oom_score_adj, so
// that is restricted, else no sandbox starts ("can't get final child's PID from pipe").
func (c Config) containerdText() string {
	return strings.NewReplacer("{dir}", c.Dir, "{bin}", c.Bin, "{pause}", PauseImage, "{snapshotter}", c.Snapshotter).Replace(`version = 3
root = "{dir}/containerd/root"
state = "{dir}/containerd/state"
[grpc]
  address = "{dir}/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "{snapshotter}"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{bin}"]
    conf_dir = "{dir}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "{bin}/runc"
        SystemdCgroup = false
`)
}

// cniText has no masquerading and no port mapping: those would need iptables.
func (c Config) cniText() string {
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "lab", "plugins": [{
  "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}
}]}
`, c.path("cni-state"), podCIDR)
}

// kubeletText: cgroup v1 and swap are allowed, disk pressure is the machine's own business.
func (c Config) kubeletText() string {
	return strings.NewReplacer("{dir}", c.Dir, "{ip}", c.nodeIP()).Replace(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
failSwapOn: false
makeIPTablesUtilChains: false
containerRuntimeEndpoint: unix://{dir}/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: {dir}/pki/ca.crt}}
authorization: {mode: AlwaysAllow}
tlsCertFile: {dir}/pki/kubelet.crt
tlsPrivateKeyFile: {dir}/pki/kubelet.key
address: {ip}
port: 10250
healthzPort: 0
readOnlyPort: 0
rotateCertificates: false
resolvConf: {dir}/resolv.conf
podLogsDir: {dir}/pod-logs
volumePluginDir: {dir}/volume-plugins
evictionHard: {memory.available: 50Mi, nodefs.available: 0%, imagefs.available: 0%, nodefs.inodesFree: 0%}
imageGCHighThresholdPercent: 100
nodeStatusUpdateFrequency: 5s
clusterDomain: cluster.local
clusterDNS: ["{ip}"]
`)
}

// proxyText leaves the machine's connection tracking alone. Port 0 is not accepted.
func (c Config) proxyText() string {
	return fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: %s
hostnameOverride: %s
clientConnection: {kubeconfig: %q}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
`, podCIDR, NodeName, c.Kubeconfig("admin"))
}
