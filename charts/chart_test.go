// Package charts proves what the chart renders and what it refuses. It needs helm: `make helm` builds it into bin/lab.
package charts

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files")

// helm is the pinned one of the lab, else the one on PATH.
func helm(t *testing.T) string {
	t.Helper()
	if built, err := filepath.Abs("../bin/lab/helm"); err == nil {
		if _, err := os.Stat(built); err == nil {
			return built
		}
	}
	found, err := exec.LookPath("helm")
	if err != nil {
		t.Fatal("helm is missing: run `make helm` (3 minutes once), which builds bin/lab/helm")
	}
	return found
}

// render runs helm template with a values file of the test.
func render(t *testing.T, values string) (out string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(helm(t), "template", "aircache-operator", "aircache-operator", "--namespace", "aircache-system", "--kube-version", "1.37.0", "--values", file)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	var errors bytes.Buffer
	cmd.Stderr = &errors
	b, err := cmd.Output()
	return string(b) + errors.String(), err
}

func TestRendered(t *testing.T) {
	for name, values := range map[string]string{
		"default": `{}`,
		"two-replicas-in-two-namespaces": `
image: {repository: registry.example/aircache-operator, digest: "sha256:` + strings.Repeat("a", 64) + `"}
runtimeImage: registry.example/aircache@sha256:` + strings.Repeat("b", 64) + `
replicas: 2
watchNamespaces: [team-a, team-b]
workers: 4
log: {level: debug, format: text}
metrics: {port: 9090, service: false}
serviceAccount: {name: tuned, annotations: {example.com/role: reader}}
imagePullSecrets: [{name: registry}]
podLabels: {team: serving}
podAnnotations: {example.com/scrape: "true"}
priorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: dedicated, operator: Exists}]
`,
		"monitored-and-walled-in": `
replicas: 2
directiveKeys: {existingSecret: mine}
networkPolicy: {restrictEgress: true, podsFromNamespaces: [monitoring, gateways], metricsFromNamespaceLabels: {kubernetes.io/metadata.name: monitoring}}
monitoring: {serviceMonitor: true, podMonitor: true, prometheusRule: true, dashboard: true, interval: 30s, labels: {release: prometheus}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}]
`,
		"own-roles": `{directiveKeys: {existingSecret: mine}, replicas: 1, leaderElection: false, rbac: {create: false}, serviceAccount: {create: false}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(t, values)
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			got = aKey.ReplaceAllString(got, "${1}made-by-helm")
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (go test ./charts -update writes it)", err)
			}
			if got != string(want) {
				t.Errorf("the chart renders something else than %s (go test ./charts -update, then review):\n%s", file, got)
			}
		})
	}
}

func TestValuesAreRefused(t *testing.T) {
	for _, c := range []struct{ name, values, says string }{
		{"a name that does not exist", `{replica: 1}`, "additional properties 'replica' not allowed"},
		{"a name that does not exist further down", `{image: {tags: v1}}`, "additional properties 'tags' not allowed"},
		{"three replicas", `{replicas: 3}`, "'/replicas': maximum: got 3, want 2"},
		{"two replicas without a leader", `{replicas: 2, leaderElection: false}`, "'/leaderElection': value must be true"},
		{"a digest that is none", `{image: {digest: latest}}`, "'/image/digest'"},
		{"a runtime image with a space", `{runtimeImage: "a b"}`, "'/runtimeImage'"},
		{"a namespace that cannot be", `{watchNamespaces: [Team_A]}`, "'/watchNamespaces/0'"},
		{"a namespace twice", `{watchNamespaces: [a, a]}`, "'/watchNamespaces'"},
		{"one port for two things", `{metrics: {port: 8081}}`, "'/metrics/port'"},
		{"a port that needs root", `{metrics: {port: 80}}`, "'/metrics/port'"},
		{"a log level that is none", `{log: {level: loud}}`, "'/log/level'"},
		{"a number for a text", `{podLabels: {team: 1}}`, "'/podLabels/team'"},
		{"a Secret that cannot be", `{directiveKeys: {existingSecret: "My Keys"}}`, "'/directiveKeys/existingSecret'"},
		{"a generation before the first", `{directiveKeys: {generation: 0}}`, "'/directiveKeys/generation'"},
		{"no worker", `{workers: 0}`, "'/workers'"},
		{"a ServiceMonitor without the Service", `{metrics: {service: false}, monitoring: {serviceMonitor: true}}`, "'/metrics/service'"},
		{"an interval without a unit", `{monitoring: {interval: "15"}}`, "'/monitoring/interval'"},
		{"a port that cannot be", `{networkPolicy: {apiServerPorts: [0]}}`, "'/networkPolicy/apiServerPorts/0'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, err := render(t, c.values); err == nil || !strings.Contains(out, c.says) {
				t.Errorf("got %v, want an error that says %q:\n%s", err, c.says, out)
			}
		})
	}
}

// TestRightsAreThoseOfConfig holds the chart's roles against config/rbac, however they are grouped.
func TestRightsAreThoseOfConfig(t *testing.T) {
	out, err := render(t, `{}`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := map[string]map[string]bool{}
	for _, file := range []string{"role.yaml", "leader_election.yaml", "user_roles.yaml"} {
		b, err := os.ReadFile(filepath.Join("../config/rbac", file))
		if err != nil {
			t.Fatal(err)
		}
		collect(t, string(b), want)
	}
	got := map[string]map[string]bool{}
	collect(t, out, got)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the chart gives\n%v\nconfig/rbac gives\n%v", got, want)
	}
	for right := range got["ClusterRole operator"] {
		for _, never := range []string{"secrets", "nodes", "roles", "exec", "*"} {
			if strings.Contains(right, never) {
				t.Errorf("the operator may %s", right)
			}
		}
	}
	if len(got["ClusterRole operator"]) == 0 {
		t.Error("the operator has no rights")
	}
}

// collect adds every "group/resource verb" of the roles in a stream of manifests, by the
// role's kind and purpose: the two places name them differently.
func collect(t *testing.T, manifests string, rights map[string]map[string]bool) {
	t.Helper()
	for _, doc := range strings.Split(manifests, "\n---\n") {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if role.Kind != "ClusterRole" && role.Kind != "Role" {
			continue
		}
		key := role.Kind + " " + purpose(role.Name)
		if rights[key] == nil {
			rights[key] = map[string]bool{}
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						rights[key][group+"/"+resource+" "+verb] = true
					}
				}
			}
		}
	}
}

func purpose(name string) string {
	for _, p := range []string{"view", "edit", "leader"} {
		if strings.Contains(name, "-"+p) {
			return p
		}
	}
	return "operator"
}

func TestCRDsAreThoseOfConfig(t *testing.T) {
	want, err := filepath.Glob("../config/crd/*.yaml")
	if err != nil || len(want) == 0 {
		t.Fatalf("config/crd has no files: %v", err)
	}
	got, err := filepath.Glob("aircache-operator/crds/*.yaml")
	if err != nil || len(got) != len(want) {
		t.Errorf("the chart has the CRDs %v, config has %v: run make generate", got, want)
	}
	for _, file := range want {
		if !bytes.Equal(read(t, file), read(t, filepath.Join("aircache-operator/crds", filepath.Base(file)))) {
			t.Errorf("%s differs: run make generate", file)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryValueIsExplained: what values.yaml sets is in the README's table, and the schema knows it.
func TestEveryValueIsExplained(t *testing.T) {
	var values map[string]any
	if err := yaml.Unmarshal(read(t, "aircache-operator/values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	readme := string(read(t, "aircache-operator/README.md"))
	for name, value := range values {
		names := []string{name}
		if parts, ok := value.(map[string]any); ok && name != "resources" && len(parts) > 0 {
			names = names[:0]
			for part := range parts {
				names = append(names, part)
			}
		}
		for _, n := range names {
			if !strings.Contains(readme, "`"+n+"`") && !strings.Contains(readme, "."+n+"`") {
				t.Errorf("the README does not explain %s (%s)", name, n)
			}
		}
	}
}
