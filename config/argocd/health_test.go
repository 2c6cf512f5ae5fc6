package argocd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

const folder = "aircache.dev/AirCacheDeployment"

// TestHealth goes through Argo's own list of inputs and expected states.
func TestHealth(t *testing.T) {
	var list struct {
		Tests []struct {
			HealthStatus Health `json:"healthStatus"`
			InputPath    string `json:"inputPath"`
		} `json:"tests"`
	}
	read(t, filepath.Join(folder, "health_test.yaml"), &list)
	files, err := filepath.Glob(filepath.Join(folder, "testdata", "*.yaml"))
	if err != nil || len(files) != len(list.Tests) || len(files) == 0 {
		t.Fatalf("health_test.yaml names %d of the %d files in testdata (%v)", len(list.Tests), len(files), err)
	}
	for _, c := range list.Tests {
		t.Run(strings.TrimSuffix(filepath.Base(c.InputPath), ".yaml"), func(t *testing.T) {
			object := &unstructured.Unstructured{} // its integers are int64, as those of the API server's answers
			read(t, filepath.Join(folder, c.InputPath), object)
			got, err := Of(object.Object)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.HealthStatus {
				t.Errorf("got  %+v\nwant %+v", got, c.HealthStatus)
			}
			if object.Object["status"] != nil { // the API server gives every object the status of one that was not looked at
				sameAsKStatus(t, object, got.Status)
			}
		})
	}
}

// sameAsKStatus: Argo CD and Flux must not tell two stories of one object.
func sameAsKStatus(t *testing.T, object *unstructured.Unstructured, health string) {
	t.Helper()
	result, err := status.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	if !Agrees(health, result.Status.String()) {
		t.Errorf("Argo CD shows %s, kstatus computes %s (%s)", health, result.Status, result.Message)
	}
}

func TestTheConfigMapHoldsTheScript(t *testing.T) {
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	read(t, "argocd-cm.yaml", &configMap)
	if got := configMap.Data["resource.customizations.health.aircache.dev_AirCacheDeployment"]; got != script {
		t.Error("argocd-cm.yaml holds another text than health.lua")
	}
}

func TestAScriptThatAsksForMoreOfLuaFails(t *testing.T) {
	saved := script
	defer func() { script = saved }()
	script = `return {status = string.upper("healthy")}`
	if got, err := Of(map[string]any{}); err == nil {
		t.Errorf("got %+v from a script that uses a library which Argo CD does not open", got)
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
