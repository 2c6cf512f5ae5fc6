package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/hub/hubtest"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	model  = "hf://org/model@" + commit
)

// world is a hub with one model, and a cache.
type world struct {
	*testing.T
	hub     *hubtest.Hub
	files   map[string][]byte
	options Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, hub: &hubtest.Hub{}, files: modelFiles(3)}
	w.hub.AddRepo("org/model", commit, w.files)
	cdn := httptest.NewServer(w.hub.CDNHandler())
	t.Cleanup(cdn.Close)
	w.hub.CDN = cdn.URL
	main := httptest.NewServer(w.hub)
	t.Cleanup(main.Close)
	w.options = quick(t.TempDir())
	w.options.Endpoint = main.URL
	return w
}

// quick are options with pauses of a test's length.
func quick(dir string) Options {
	return Options{Cache: dir, Segment: 1000, Workers: 4, Tries: 4, Pause: time.Millisecond, Beat: 5 * time.Millisecond, Stale: 40 * time.Millisecond,
		Now: time.Now, After: time.After, HTTP: &http.Client{Transport: http.DefaultTransport}, Host: "here"}
}

// modelFiles are a model with some shards of 2,500 bytes, and what is beside a model in real repositories.
func modelFiles(shards int) map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	files := map[string][]byte{
		"config.json": []byte(`{"architectures":["X"]}`), "tokenizer.json": []byte(`{}`), "chat_template.jinja": []byte("{{ messages }}"),
		"README.md": []byte("words"), "pytorch_model.bin": make([]byte, 4000), "onnx/model.onnx": make([]byte, 4000), ".gitattributes": []byte("*"),
		"consolidated.safetensors": make([]byte, 4000),
	}
	where := map[string]string{}
	for i := range shards {
		content := make([]byte, 2500)
		for j := range content {
			content[j] = byte(r.Uint32())
		}
		name := "model-" + string(rune('1'+i)) + ".safetensors"
		files[name] = content
		where["tensor"+name] = name
	}
	index, _ := json.Marshal(map[string]any{"weight_map": where})
	files["model.safetensors.index.json"] = index
	return files
}

var fetchedNames = []string{"aircache-manifest.json", "chat_template.jinja", "config.json", "model-1.safetensors", "model-2.safetensors", "model-3.safetensors",
	"model.safetensors.index.json", "tokenizer.json"}

func (w *world) pull(reference string) (Model, error) {
	return Pull(context.Background(), reference, w.options)
}

func (w *world) mustPull(reference string) Model {
	w.Helper()
	m, err := w.pull(reference)
	if err != nil {
		w.Fatal(err)
	}
	w.isWhole(m)
	return m
}

// isWhole holds a folder against the hub's files.
func (w *world) isWhole(m Model) {
	w.Helper()
	var names []string
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
		got, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			w.Fatal(err)
		}
		if want, listed := w.files[e.Name()]; listed && !bytes.Equal(got, want) {
			w.Errorf("%s differs from the hub's", e.Name())
		}
	}
	if !slices.Equal(names, fetchedNames) {
		w.Errorf("the folder holds %q, want %q", names, fetchedNames)
	}
}

// isRefused wants an error of a kind with some words, and nothing published.
func (w *world) isRefused(reference string, kind error, words ...string) {
	w.Helper()
	m, err := w.pull(reference)
	if err == nil {
		w.Fatalf("%s was fetched to %s", reference, m.Dir)
	}
	if kind != nil && !errorsIs(err, kind) {
		w.Errorf("%v is no %v", err, kind)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.Errorf("the error does not say %q: %v", word, err)
		}
	}
	w.publishedNothing()
}

func (w *world) publishedNothing() {
	w.Helper()
	found, _ := filepath.Glob(filepath.Join(w.options.Cache, "*", "*", "*", "*", "config.json"))
	for _, path := range found {
		if !strings.Contains(path, ".partial-") {
			w.Errorf("%s was published", path)
		}
	}
}

// once is a fault for the first requests of some files.
func once(times int, part string, fault http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	left := make(chan struct{}, times)
	for range times {
		left <- struct{}{}
	}
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, part) {
			return false
		}
		select {
		case <-left:
			fault(w, r)
			return true
		default:
			return false
		}
	}
}

// always is a fault for all requests of some files.
func always(part string, fault http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, part) {
			fault(w, r)
			return true
		}
		return false
	}
}

func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}
