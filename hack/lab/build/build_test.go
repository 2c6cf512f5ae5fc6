package build

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func names(list []Program) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

func TestSelect(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		want    []string
		without []string
	}{
		{"envtest is the first three, in the order of shared work", []string{"envtest"}, []string{"etcd", "kube-apiserver", "kubectl"}, []string{"kubelet", "kwok", "runc", "helm"}},
		{"the control plane has KWOK but no container runtime", []string{"control-plane"}, []string{"etcd", "kube-scheduler", "kwok"}, []string{"kubelet", "containerd", "runc", "helm"}},
		{"a node includes the control plane", []string{"node"}, []string{"etcd", "kubelet", "containerd", "runc", "fakegpu", "pause"}, []string{"helm"}},
		{"all includes Helm", []string{"all"}, []string{"etcd", "runc", "karpenter", "helm"}, nil},
		{"a single program is only itself", []string{"helm"}, []string{"helm"}, []string{"etcd", "kubectl"}},
		{"groups and programs add up", []string{"envtest", "helm"}, []string{"kubectl", "helm"}, []string{"kubelet"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list, err := Select(test.args...)
			if err != nil {
				t.Fatal(err)
			}
			got := names(list)
			for _, w := range test.want {
				if !slices.Contains(got, w) {
					t.Errorf("%v lacks %s", got, w)
				}
			}
			for _, w := range test.without {
				if slices.Contains(got, w) {
					t.Errorf("%v must not hold %s", got, w)
				}
			}
		})
	}
	if _, err := Select("kubeadm"); err == nil || !strings.Contains(err.Error(), `"kubeadm"`) {
		t.Errorf("selecting an unknown program: got %v, want an error that names it", err)
	}
}

func TestRequiredVersionReadsBlocksAndSingleLines(t *testing.T) {
	gomod := "module x\n\ntool k8s.io/kubernetes/cmd/kubectl\n\nrequire k8s.io/kubernetes v1.37.2\n\nrequire (\n\tgithub.com/a/b v0.3.0 // indirect\n)\n"
	for module, want := range map[string]string{kubernetes: "v1.37.2", "github.com/a/b": "v0.3.0"} {
		if got, err := requiredVersion(gomod, module); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", module, got, err, want)
		}
	}
	if _, err := requiredVersion(gomod, "github.com/a"); err == nil {
		t.Error("a module that is not required must be an error")
	}
}

func TestFillInSplitsTheVersion(t *testing.T) {
	got := fillIn("{version} {bare} {major} {minor}", "v1.37.2")
	if want := "v1.37.2 1.37.2 1 37"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// repository with one program of our own and a module beside it.
func fakeRepository(t *testing.T) (*Builder, Program) {
	t.Helper()
	repo := t.TempDir()
	write(t, filepath.Join(repo, "tool/go.mod"), "module example.com/tool\n\ngo 1.26\n")
	write(t, filepath.Join(repo, "tool/go.sum"), "")
	write(t, filepath.Join(repo, "tool/main.go"), "package main\n\nfunc main() {}\n")
	b := &Builder{Repo: repo, Out: filepath.Join(repo, "bin"), Log: &bytes.Buffer{}, Now: func() time.Time { return time.Time{} }}
	return b, Program{Name: "tool", Module: "tool", Package: ".", Sources: "tool"}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestStampChangesWithWhatDecidesTheBinary(t *testing.T) {
	b, p := fakeRepository(t)
	stamp := func() string {
		args, err := b.arguments(p)
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.stamp(p, "go1.26.8", args)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := stamp()
	if stamp() != first {
		t.Error("the stamp of unchanged input changed")
	}
	moved := b.Out
	b.Out = "/elsewhere/bin"
	if stamp() != first {
		t.Error("the stamp depends on where the clone lies")
	}
	b.Out = moved
	p.Tags = "seccomp"
	tagged := stamp()
	if tagged == first {
		t.Error("the stamp ignores build tags")
	}
	write(t, filepath.Join(b.Repo, "tool/main.go"), "package main\n\nfunc main() { println() }\n")
	if stamp() == tagged {
		t.Error("the stamp ignores the sources")
	}
}

func TestBuildSkipsWhatIsUpToDate(t *testing.T) {
	b, p := fakeRepository(t)
	log := b.Log.(*bytes.Buffer)
	for _, want := range []string{"1 programs built, 0 up to date", "0 programs built, 1 up to date"} {
		log.Reset()
		if err := b.Build(context.Background(), []Program{p}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("got %q, want it to say %q", log, want)
		}
	}
}

func TestMissingNamesThePackages(t *testing.T) {
	have := map[string]bool{"/usr/bin/gcc": true, "/usr/include/stdlib.h": true, "/usr/bin/pkg-config": true, "/sbin/ip": true}
	got := missing(func(path string) bool { return have[path] })
	if want := []string{"libseccomp-dev", "nftables"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMergeCRDsTakesKarpentersTypesAndTheProviders(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "pkg/apis/crds/nodepools.yaml"), "---\nkind: CustomResourceDefinition\nname: a\n")
	if _, err := mergeCRDs(root); err == nil || !strings.Contains(err.Error(), "kwok/apis/crds") {
		t.Errorf("without the provider's types: got %v", err)
	}
	write(t, filepath.Join(root, "kwok/apis/crds/class.yaml"), "kind: CustomResourceDefinition\nname: b\n")
	merged, err := mergeCRDs(root)
	if err != nil || strings.Count(string(merged), "---\n") != 2 {
		t.Errorf("got %v\n%s", err, merged)
	}
}

func TestMergeStagesTakesOnlyStages(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "node/fast/init.yaml"), "apiVersion: v\nkind: Stage\nmetadata: {name: a}\n")
	write(t, filepath.Join(root, "node/fast/kustomization.yaml"), "apiVersion: v\nkind: Kustomization\n")
	write(t, filepath.Join(root, "pod/fast/ready.yaml"), "apiVersion: v\nkind: Stage\nmetadata: {name: b}\n")
	merged, err := mergeStages(root)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(merged), "kind: Stage"); n != 2 || strings.Contains(string(merged), "Kustomization") {
		t.Errorf("got %d stages in\n%s", n, merged)
	}
	if _, err := mergeStages(t.TempDir()); err == nil {
		t.Error("a module without stages must be an error")
	}
}
