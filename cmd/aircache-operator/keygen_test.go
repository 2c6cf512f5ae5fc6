package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"aircache.dev/aircache/controllers/directive"
)

// generated runs keygen and reads the Secret that it prints.
func generated(t *testing.T, in string, args ...string) (secret *corev1.Secret, text string) {
	t.Helper()
	var out bytes.Buffer
	if err := keygen(args, strings.NewReader(in), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	secret = &corev1.Secret{}
	if err := yaml.UnmarshalStrict(out.Bytes(), secret); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	return secret, out.String()
}

func TestKeygenPrintsASecretThatTheOperatorReads(t *testing.T) {
	secret, _ := generated(t, "", "--namespace=ops", "--name=mine")
	if secret.Namespace != "ops" || secret.Name != "mine" || secret.Kind != "Secret" || len(secret.Data) != 2 {
		t.Fatalf("got %+v", secret)
	}
	dir := t.TempDir()
	for name, content := range secret.Data {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if keys, err := directive.ReadKeys(filepath.Join(dir, currentPEM), filepath.Join(dir, nextPEM)); err != nil || len(keys.IDs()) != 2 {
		t.Errorf("the operator reads %v, %v", keys, err)
	}
}

func TestKeygenRotates(t *testing.T) {
	before, text := generated(t, "", "--name=mine")
	text = strings.Replace(text, "metadata:\n", "metadata:\n  resourceVersion: \"7\"\n  labels: {team: serving}\n", 1)
	after, _ := generated(t, text, "--rotate")
	if !bytes.Equal(after.Data[currentPEM], before.Data[nextPEM]) || bytes.Equal(after.Data[nextPEM], before.Data[currentPEM]) || bytes.Equal(after.Data[nextPEM], before.Data[nextPEM]) {
		t.Error("the next key did not become the current one, or there is no new next one")
	}
	if after.Name != "mine" || after.ResourceVersion != "7" || after.Labels["team"] != "serving" {
		t.Errorf("the rest of the Secret became %+v", after.ObjectMeta)
	}
}

func TestKeygenWritesFilesAndOverwritesNone(t *testing.T) {
	dir := t.TempDir()
	if err := keygen([]string{"--dir", dir}, nil, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := directive.ReadKeys(filepath.Join(dir, currentPEM), filepath.Join(dir, nextPEM)); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, currentPEM)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := keygen([]string{"--dir", dir}, nil, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "file exists") {
		t.Errorf("a second time: %v", err)
	}
}

func TestKeygenRefuses(t *testing.T) {
	_, secret := generated(t, "")
	for _, c := range []struct{ name, args, in, says string }{
		{"a word", "now", "", `"now" is not a flag`},
		{"a rotation of files", "--rotate --dir x", "", "--rotate works on a Secret"},
		{"nothing to rotate", "--rotate", "", `standard input holds kind ""`},
		{"another kind", "--rotate", "kind: ConfigMap", `standard input holds kind "ConfigMap"`},
		{"no YAML", "--rotate", "a: b: c", "reading the Secret"},
		{"a Secret without a next key", "--rotate", "kind: Secret\nmetadata: {name: mine}", "Secret mine has no next.pem"},
		{"a next key that cannot sign", "--rotate", strings.Replace(secret, "  next.pem: ", "  next.pem: AAAA\n  old.pem: ", 1), "next.pem of Secret aircache-operator-directive-keys cannot sign: it holds no PEM block"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := keygen(strings.Fields(c.args), strings.NewReader(c.in), &out, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.says) || out.Len() > 0 {
				t.Errorf("got %v and %q, want %q", err, out.String(), c.says)
			}
		})
	}
}
