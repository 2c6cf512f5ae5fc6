package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/hub/hubtest"
)

const tinyReference = "hf://aircache/tiny@0123456789abcdef0123456789abcdef01234567"

// hubWithTiny is a hub that has the shipped model, and an environment that names it.
func hubWithTiny(t *testing.T) *hubtest.Hub {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(tinyModel)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(tinyModel, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	h := &hubtest.Hub{}
	h.AddRepo("aircache/tiny", strings.Split(tinyReference, "@")[1], files)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Setenv("HF_ENDPOINT", server.URL)
	for _, name := range []string{"HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"} {
		t.Setenv(name, "")
	}
	return h
}

func TestPullPrintsTheFolder(t *testing.T) {
	h := hubWithTiny(t)
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("hf_secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Token = "hf_secret"
	t.Setenv("HF_TOKEN_PATH", secret)
	cache := t.TempDir()
	pull := func(args ...string) (out, messages string) {
		t.Helper()
		cmd := root()
		var o, m bytes.Buffer
		cmd.SetArgs(append([]string{"pull", "--model-cache", cache, tinyReference}, args...))
		cmd.SetOut(&o)
		cmd.SetErr(&m)
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(o.String()), m.String()
	}
	folder, messages := pull()
	if folder != filepath.Join(cache, "huggingface/aircache/tiny", strings.Split(tinyReference, "@")[1]) || !strings.Contains(messages, "MB") {
		t.Errorf("%q, %q", folder, messages)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	if again, messages := pull("--verify"); again != folder || !strings.Contains(messages, "is as it was fetched") {
		t.Errorf("%q, %q", again, messages)
	}
	if path, _ := execute("pull", tinyModel); strings.TrimSpace(path) != tinyModel {
		t.Errorf("a folder is %q", path)
	}
}

func TestWhatCannotBeFetchedEndsWithACodeOfItsOwn(t *testing.T) {
	h := hubWithTiny(t)
	h.Token = "hf_secret"
	for _, c := range []struct {
		args, env string
		code      int
		says      string
	}{
		{"pull " + tinyReference, "", control.ExitModelNotFound, "no token was given"},
		{"generate --prompt x --model " + tinyReference, "HF_TOKEN=hf_secret HF_HUB_OFFLINE=1", control.ExitModelUnavailable, "not in the cache"},
		{"pull hf://aircache/none", "HF_TOKEN=hf_secret", control.ExitModelNotFound, "Repository not found"},
		{"serve --addr 127.0.0.1:0 --control-addr 127.0.0.1:0 --model /does/not/exist", "", control.ExitModelNotFound, "no such folder"},
		{"pull /x", "HF_HUB_OFFLINE=maybe", 1, "HF_HUB_OFFLINE"},
		{"pull ftp://x", "", 1, "hf://owner/name@revision"},
		{"pull " + tinyReference, "HF_TOKEN_PATH=/does/not/exist", 1, "HF_TOKEN_PATH"},
	} {
		t.Run(c.says, func(t *testing.T) {
			for setting := range strings.FieldsSeq(c.env) {
				name, value, _ := strings.Cut(setting, "=")
				t.Setenv(name, value)
			}
			_, err := execute(append(strings.Fields(c.args), "--model-cache", t.TempDir())...)
			if err == nil || exitCode(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("aircache %s: code %d, %v", c.args, exitCode(err), err)
			}
		})
	}
	if code := exitCode(errors.New("anything else")); code != 1 {
		t.Error(code)
	}
}

func TestServeFetchesItsModelFirst(t *testing.T) {
	hubWithTiny(t)
	s := serveTiny(t, func(f *serveFlags) { f.model, f.servedName, f.cache = tinyReference, "", t.TempDir() })
	defer s.stop()
	if line := s.log.await(t, `"model found"`); !strings.Contains(line, "fetched=true") {
		t.Error(line)
	}
	if _, _, models := s.call(http.MethodGet, s.api+"/v1/models", ""); !strings.Contains(models, `"tiny"`) {
		t.Error(models)
	}
	if _, _, metrics := s.call(http.MethodGet, s.api+"/metrics", ""); !strings.Contains(metrics, "aircache_model_fetched_bytes 2.2") {
		t.Error("the bytes that were fetched are not published")
	}
}
