package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// OpenAI's own clients are the judges of what they can use; hack/clients/install.sh brings them, `make test` runs it.
func TestOpenAIsClientsGetWhatTheyExpect(t *testing.T) {
	folder := os.Getenv("AIRCACHE_CLIENTS")
	if folder == "" {
		t.Skip("AIRCACHE_CLIENTS names no folder with OpenAI's clients: `make test` installs them; nothing shows that they work with this server")
	}
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("sk-right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveTiny(t, func(f *serveFlags) {
		f.apiKeyFile, f.maxBodyBytes = keys, 2<<20
		f.fetching.networks = []string{"127.0.0.0/8"} // where this test's pictures lie
	})
	q := s.longest()
	picture := filepath.Join(tinySamples, q.Picture)
	pictures := httptest.NewServer(http.FileServer(http.Dir(tinySamples)))
	defer pictures.Close()
	for name, command := range map[string][]string{
		"Python":     {filepath.Join(folder, "python/bin/python"), "../../hack/clients/chat.py"},
		"JavaScript": {filepath.Join(folder, "node/bin/node"), "../../hack/clients/chat.mjs", folder},
	} {
		command = append(command, s.api, "sk-right", picture, pictures.URL+"/"+q.Picture, q.Text, q.Expected)
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		if err != nil {
			t.Errorf("OpenAI's client for %s: %v\n%s", name, err, out)
		}
		t.Logf("%s:\n%s", name, out)
	}
	s.stop()
}

// What a server refuses because it is too much, the client says as its own kind of error, and asks again by itself.
func TestOpenAIsClientIsToldToComeBack(t *testing.T) {
	folder := os.Getenv("AIRCACHE_CLIENTS")
	if folder == "" {
		t.Skip("AIRCACHE_CLIENTS names no folder with OpenAI's clients: `make test` installs them; nothing shows that they are told to come back")
	}
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("sk-right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for status, edit := range map[string]func(*serveFlags){
		"429": func(f *serveFlags) { f.maxPerKey = 2 },
		"503": func(f *serveFlags) { f.maxQueue, f.maxRunning = 1, 1 },
	} {
		s := serveTiny(t, func(f *serveFlags) { f.apiKeyFile = keys; edit(f) })
		out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "python/bin/python"), "../../hack/clients/overload.py", s.api, "sk-right", status).CombinedOutput()
		if err != nil {
			t.Errorf("status %s: %v\n%s", status, err, out)
		}
		s.stop()
	}
}
