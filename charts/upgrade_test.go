package charts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// crdCommand is the command of the chart's README, which a user runs before an upgrade.
var crdCommand = regexp.MustCompile("kubectl apply [^`\n]*aircache-operator/crds")

// TestTheDocumentedCommandUpgradesCRDs installs the chart with the CRDs of an earlier release on a real API server, upgrades, and runs the
// README's command: Helm itself leaves a CRD as the first install made it.
func TestTheDocumentedCommandUpgradesCRDs(t *testing.T) {
	command := crdCommand.FindString(string(read(t, "aircache-operator/README.md")))
	if command == "" {
		t.Fatal("the chart's README names no kubectl apply for crds/")
	}
	kubeconfig, crds := apiServer(t)
	home := t.TempDir()
	run := func(folder, name string, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	install := func(chart string) {
		run(".", helm(t), "upgrade", "--install", "aircache", chart, "--namespace", "aircache-system", "--create-namespace")
	}
	install(earlierChart(t))
	if hasAPIKeys(t, crds()) {
		t.Fatal("the earlier CRD has the field already; take a newer one in earlierChart")
	}
	install("aircache-operator")
	if hasAPIKeys(t, crds()) {
		t.Error("Helm upgraded the CRD by itself: the README says that it does not")
	}
	run("..", kubectl(t), strings.Fields(command)[1:]...)
	if !hasAPIKeys(t, crds()) {
		t.Errorf("%s left the CRD as it was", command)
	}
}

// apiServer starts one, and returns its kubeconfig and what reads the CRD of AirCacheDeployments.
func apiServer(t *testing.T) (kubeconfig string, crd func() *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets, _ = filepath.Abs("../bin/lab")
	}
	server := &envtest.Environment{BinaryAssetsDirectory: assets, ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute}
	config, err := server.Start()
	if err != nil {
		t.Fatalf("starting an API server (make envtest-assets builds it): %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, server.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig, func() *apiextensionsv1.CustomResourceDefinition {
		t.Helper()
		found := &apiextensionsv1.CustomResourceDefinition{}
		if err := c.Get(t.Context(), client.ObjectKey{Name: "aircachedeployments.aircache.dev"}, found); err != nil {
			t.Fatal(err)
		}
		return found
	}
}

// earlierChart is the chart with a CRD that lacks spec.runtime.apiKeySecretRef, as before that field.
func earlierChart(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "aircache-operator")
	if err := os.CopyFS(folder, os.DirFS("aircache-operator")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "crds", "aircache.dev_aircachedeployments.yaml")
	earlier := strings.ReplaceAll(string(read(t, file)), " apiKeySecretRef:", " earlierName:")
	if err := os.WriteFile(file, []byte(earlier), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func hasAPIKeys(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) bool {
	t.Helper()
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	_, has := schema.Properties["spec"].Properties["runtime"].Properties["apiKeySecretRef"]
	return has
}

func TestHelmLintFindsNothing(t *testing.T) {
	cmd := exec.Command(helm(t), "lint", "--strict", "aircache-operator")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("helm lint: %v\n%s", err, out)
	}
}
