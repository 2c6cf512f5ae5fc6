package charts

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// sameAsConfig are the values with which the chart says what config says.
const sameAsConfig = `
image: {repository: registry.local/aircache-operator, tag: dev}
runtimeImage: registry.local/aircache-runtime:dev
directiveKeys: {existingSecret: aircache-operator-directive-keys}
`

// TestKustomizeSaysWhatTheChartSays builds config as `kubectl apply -k` does and compares object by object. The namespace is config's alone
// (Helm is told one), and the CRDs have a test of their own.
func TestKustomizeSaysWhatTheChartSays(t *testing.T) {
	rendered, err := render(t, sameAsConfig)
	if err != nil {
		t.Fatalf("%v\n%s", err, rendered)
	}
	built, err := exec.Command(kubectl(t), "kustomize", "../config").CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl kustomize: %v\n%s", err, built)
	}
	chart, config := objects(t, rendered), objects(t, string(built))
	for name := range config {
		if strings.HasPrefix(name, "Namespace/") || strings.HasPrefix(name, "CustomResourceDefinition/") {
			delete(config, name)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(config)), slices.Sorted(maps.Keys(chart))); diff != "" {
		t.Fatalf("config and the chart have other objects (-config +chart):\n%s", diff)
	}
	for name := range config {
		if diff := cmp.Diff(config[name], chart[name]); diff != "" {
			t.Errorf("%s (-config +chart):\n%s", name, diff)
		}
	}
}

// kubectl is that of the lab, else the one on PATH.
func kubectl(t *testing.T) string {
	t.Helper()
	if built, err := filepath.Abs("../bin/lab/kubectl"); err == nil {
		if _, err := os.Stat(built); err == nil {
			return built
		}
	}
	found, err := exec.LookPath("kubectl")
	if err != nil {
		t.Fatal("kubectl is missing: run `make envtest-assets`, which builds bin/lab/kubectl")
	}
	return found
}

// objects are the manifests of a stream by kind and name, without the labels that only Helm sets.
func objects(t *testing.T, stream string) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	for _, doc := range strings.Split(stream, "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(doc), &object); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if object == nil {
			continue
		}
		withoutHelm(object)
		about := object["metadata"].(map[string]any)
		found[object["kind"].(string)+"/"+about["name"].(string)] = object
	}
	return found
}

func withoutHelm(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, label := range []string{"app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"} {
			delete(value, label)
		}
		if rules, ok := value["rules"].([]any); ok {
			value["rules"] = single(rules)
		}
		for _, item := range value {
			withoutHelm(item)
		}
	case []any:
		for _, item := range value {
			withoutHelm(item)
		}
	}
}

// single takes rules apart into one group, resource and verb each: how they are grouped is nobody's concern.
func single(rules []any) map[string]bool {
	rights := map[string]bool{}
	for _, rule := range rules {
		r := rule.(map[string]any)
		for _, group := range r["apiGroups"].([]any) {
			for _, resource := range r["resources"].([]any) {
				for _, verb := range r["verbs"].([]any) {
					rights[group.(string)+"/"+resource.(string)+" "+verb.(string)] = true
				}
			}
		}
	}
	return rights
}
