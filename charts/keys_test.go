package charts

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"aircache.dev/aircache/controllers/directive"
	"aircache.dev/aircache/controllers/testkit"
)

// aKey is a private key in a rendered Secret, which is another one each time.
var aKey = regexp.MustCompile(`(?m)^(  (?:current|next)\.pem: )(\S+)$`)

func TestKeysAreMadeByTheChart(t *testing.T) {
	out, err := render(t, `{}`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := map[string]bool{}
	for _, key := range aKey.FindAllStringSubmatch(out, -1) {
		pem, err := base64.StdEncoding.DecodeString(key[2])
		if err == nil {
			_, err = directive.DecodePrivateKey(pem)
		}
		if err != nil {
			t.Errorf("%s%s: %v", key[1], key[2], err)
		}
		seen[key[2]] = true
	}
	if len(seen) != 2 {
		t.Errorf("the chart made %d different keys, want 2", len(seen))
	}
	own, err := render(t, `{directiveKeys: {existingSecret: mine}}`)
	if err != nil || strings.Contains(own, "kind: Secret") || !strings.Contains(own, "secretName: mine") {
		t.Errorf("with a Secret of one's own: %v\n%s", err, own)
	}
}

// release is a Helm release on a real API server, where nothing runs.
type release struct {
	*testing.T
	kubeconfig string
	client     client.Client
}

func (r *release) helm(args ...string) (string, error) {
	cmd := exec.Command(helm(r.T), append(args, "--namespace", "aircache-system", "--kubeconfig", r.kubeconfig)...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+r.TempDir(), "HELM_CONFIG_HOME="+r.TempDir(), "HELM_DATA_HOME="+r.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// with installs or upgrades, and returns the keys that there are then.
func (r *release) with(values ...string) map[string][]byte {
	r.Helper()
	args := []string{"upgrade", "--install", "aircache-operator", "aircache-operator", "--create-namespace"}
	for _, v := range values {
		args = append(args, "--set", v)
	}
	if out, err := r.helm(args...); err != nil {
		r.Fatalf("%v\n%s", err, out)
	}
	return r.secret().Data
}

func (r *release) secret() *corev1.Secret {
	r.Helper()
	s := &corev1.Secret{}
	if err := r.client.Get(context.Background(), client.ObjectKey{Namespace: "aircache-system", Name: "aircache-operator-directive-keys"}, s); err != nil {
		r.Fatal(err)
	}
	return s
}

func (r *release) expect(what string, got map[string][]byte, current, next []byte) {
	r.Helper()
	if !bytes.Equal(got["current.pem"], current) || next != nil && !bytes.Equal(got["next.pem"], next) {
		r.Errorf("%s: the keys are others", what)
	}
}

func TestUpgradesKeepTheKeysAndARotationMovesThem(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = testkit.RepositoryPath("bin", "lab")
	}
	server := &envtest.Environment{BinaryAssetsDirectory: assets, ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute}
	config, err := server.Start()
	if err != nil {
		t.Fatalf("starting the API server (make envtest-assets builds it into bin/lab): %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	r := &release{T: t, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	if err := os.WriteFile(r.kubeconfig, server.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	if r.client, err = client.New(config, client.Options{Scheme: clientscheme.Scheme}); err != nil {
		t.Fatal(err)
	}

	first := r.with()
	r.expect("an upgrade", r.with("workers=4"), first["current.pem"], first["next.pem"])
	second := r.with("directiveKeys.generation=2")
	r.expect("a rotation", second, first["next.pem"], nil)
	if bytes.Equal(second["next.pem"], first["next.pem"]) || bytes.Equal(second["next.pem"], first["current.pem"]) {
		t.Error("the rotation made no new next key")
	}
	r.expect("the same rotation again", r.with("directiveKeys.generation=2", "workers=5"), second["current.pem"], second["next.pem"])
	r.expect("a generation of before", r.with(), second["current.pem"], second["next.pem"])
	if out, err := r.helm("uninstall", "aircache-operator"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.expect("an uninstall", r.secret().Data, second["current.pem"], second["next.pem"])
	r.expect("another install", r.with("directiveKeys.generation=2"), second["current.pem"], second["next.pem"])

	broken := r.secret()
	delete(broken.Data, "next.pem")
	if err := r.client.Update(context.Background(), broken); err != nil {
		t.Fatal(err)
	}
	out, err := r.helm("upgrade", "aircache-operator", "aircache-operator")
	if err == nil || !strings.Contains(out, "Secret aircache-operator-directive-keys has no next.pem") {
		t.Errorf("a Secret that lacks a key: %v\n%s", err, out)
	}
	r.expect("a refused upgrade", r.secret().Data, second["current.pem"], nil)
}
