package cluster

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestComponentsGetTheFlagsThatMatter(t *testing.T) {
	alone := Config{Dir: "/tmp/x", Bin: "/opt/lab", Ports: Ports{Etcd: 1, EtcdPeer: 2, API: 3}}
	labelled := real()
	labelled.NodeLabels = "a=b"
	tests := []struct {
		name, component, flag string
		config                Config
	}{
		{"pods reach the API server of a real node", "kube-apiserver", "--bind-address=0.0.0.0", real()},
		{"without one it stays on this machine", "kube-apiserver", "--bind-address=127.0.0.1", alone},
		{"ports are those that were found free", "kube-apiserver", "--etcd-servers=http://127.0.0.1:1", alone},
		{"controllers act with rights of their own", "kube-controller-manager", "--use-service-account-credentials=true", real()},
		{"KWOK leaves real nodes alone", "kwok", "--manage-all-nodes=false", real()},
		{"KWOK's nodes stay Ready", "kwok", "--node-lease-duration-seconds=40", real()},
		{"the device plugin offers as many GPUs as asked for", "fakegpu", "-count=8", real()},
		{"Karpenter reads the instance types of the user's folder", "karpenter", "-instance-types-file-path=/pools/instance-types.json", autoscaled()},
		{"the audit log is written at once", "kube-apiserver", "--audit-log-mode=blocking", audited()},
		{"labels reach the node", "kubelet", "--node-labels=a=b", labelled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := test.config.Component(test.component)
			if err != nil {
				t.Fatal(err)
			}
			if c.Path != "/opt/lab/"+test.component || !slices.Contains(c.Args, test.flag) {
				t.Errorf("%s %v lacks %s", c.Path, c.Args, test.flag)
			}
		})
	}
}

func audited() Config {
	c := real()
	c.Audit = true
	return c
}

func TestNothingIsAuditedUnlessAskedFor(t *testing.T) {
	c, err := real().Component("kube-apiserver")
	if err != nil || strings.Contains(strings.Join(c.Args, " "), "audit") || real().files()[auditPolicy] != "" {
		t.Errorf("got %v, %v", c.Args, err)
	}
	if policy := audited().files()[auditPolicy]; !strings.Contains(policy, "system:serviceaccounts") {
		t.Errorf("the policy is %q", policy)
	}
}

func TestFilesCarryTheSettingsThatMatter(t *testing.T) {
	files := real().files()
	for name, wants := range map[string][]string{
		"kubelet.yaml":        {"failCgroupV1: false", "cgroupDriver: cgroupfs", "failSwapOn: false", "makeIPTablesUtilChains: false", "unix:///tmp/x/containerd.sock"},
		"containerd.toml":     {"restrict_oom_score_adj = true", `sandbox = "registry.local/pause:lab"`, `BinaryName = "/opt/lab/runc"`, `snapshotter = "overlayfs"`},
		"kube-proxy.yaml":     {"mode: nftables", "hostnameOverride: lab-0"},
		"cni/10-lab.conflist": {`"ipMasq": false`, `"/tmp/x/cni-state"`},
		"admin.kubeconfig":    {`"https://127.0.0.1:6443"`, `"/tmp/x/pki/admin.crt"`},
	} {
		for _, want := range wants {
			if !strings.Contains(files[name], want) {
				t.Errorf("%s lacks %s:\n%s", name, want, files[name])
			}
		}
		if strings.Contains(files[name], "{dir}") || strings.Contains(files[name], "%!") {
			t.Errorf("%s is not filled in:\n%s", name, files[name])
		}
	}
	if !json.Valid([]byte(files["cni/10-lab.conflist"])) {
		t.Errorf("the network's configuration is no JSON:\n%s", files["cni/10-lab.conflist"])
	}
	for name := range (Config{}).files() {
		if !strings.HasSuffix(name, ".kubeconfig") {
			t.Errorf("a cluster without a real node needs no %s", name)
		}
	}
}

func TestGPUNodeIsTaintedOnlyBesideARealNode(t *testing.T) {
	if !strings.Contains(real().GPUNode(), "NoSchedule") {
		t.Error("beside a real node, pods must not land on the KWOK node by accident")
	}
	if strings.Contains(Config{}.GPUNode(), "taints") {
		t.Error("alone, the KWOK node must take every pod")
	}
}

func TestCertificatesNameTheirUsers(t *testing.T) {
	c := real()
	c.Dir = t.TempDir()
	if err := c.Write(); err != nil {
		t.Fatal(err)
	}
	ca := certificate(t, c.path("pki", "ca.crt"))
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	for _, u := range users {
		cert := certificate(t, c.path("pki", u.name+".crt"))
		if cert.Subject.CommonName != u.commonName || strings.Join(cert.Subject.Organization, "") != u.group {
			t.Errorf("%s is %v, want %s of %q", u.name, cert.Subject, u.commonName, u.group)
		}
		options := x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if _, err := cert.Verify(options); err != nil {
			t.Errorf("verifying %s: %v", u.name, err)
		}
	}
	server := certificate(t, c.path("pki", "apiserver.crt"))
	for _, host := range []string{"127.0.0.1", NodeIP, apiIP, "kubernetes.default.svc"} {
		if err := server.VerifyHostname(host); err != nil {
			t.Errorf("the API server is not valid for %s: %v", host, err)
		}
	}
	info, err := os.Stat(c.path("pki", "admin.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the admin's key has mode %v, %v, want 600", info.Mode(), err)
	}
}

func certificate(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		t.Fatalf("%s holds no certificate", filepath.Base(file))
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
