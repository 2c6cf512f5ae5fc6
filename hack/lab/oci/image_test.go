package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns a tar's entries by name, and the names in order.
func read(t *testing.T, content []byte) (map[string][]byte, map[string]*tar.Header, []string) {
	t.Helper()
	files, headers, names := map[string][]byte{}, map[string]*tar.Header{}, []string(nil)
	in := tar.NewReader(bytes.NewReader(content))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, headers, names
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name], headers[h.Name], names = body, h, append(names, h.Name)
	}
}

func build(t *testing.T, s Spec) (string, []byte) {
	t.Helper()
	output := filepath.Join(t.TempDir(), "image.tar")
	reference, err := Build(s, output)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	return reference, content
}

func TestSameInputGivesTheSameBytes(t *testing.T) {
	var references []string
	var tars [][]byte
	for _, modified := range []time.Time{time.Unix(1e9, 0), time.Unix(2e9, 0)} {
		dir := t.TempDir()
		for _, name := range []string{"b/two", "a/one", "config.json"} {
			file := write(t, filepath.Join(dir, name), name, 0o644)
			if err := os.Chtimes(file, modified, modified); err != nil {
				t.Fatal(err)
			}
		}
		reference, content := build(t, Spec{Name: "registry.local/model:v1", Dirs: []Copy{{dir, "/"}}, Architecture: "amd64"})
		references, tars = append(references, reference), append(tars, content)
	}
	if references[0] != references[1] || !bytes.Equal(tars[0], tars[1]) {
		t.Errorf("two builds of equal folders differ: %v", references)
	}
}

func TestLayerHoldsFoldersBeforeTheirContent(t *testing.T) {
	dir := t.TempDir()
	program := write(t, filepath.Join(dir, "serve"), "x", 0o700)
	write(t, filepath.Join(dir, "model/sub/weights"), "w", 0o600)
	_, content := build(t, Spec{
		Name: "registry.local/a:v1", Entrypoint: []string{"/bin/serve"},
		Files: []Copy{{program, "/bin/serve"}}, Dirs: []Copy{{filepath.Join(dir, "model"), "/model"}},
	})
	layer := layerOf(t, content)
	files, headers, names := read(t, layer)
	want := []string{"tmp/", "bin/", "bin/serve", "etc/", "etc/group", "etc/passwd", "model/", "model/sub/", "model/sub/weights"}
	if !slices.Equal(names, want) {
		t.Errorf("got entries %v, want %v", names, want)
	}
	if mode := headers["bin/serve"].Mode; mode != 0o755 {
		t.Errorf("the program has mode %o, want 755", mode)
	}
	if mode := headers["model/sub/weights"].Mode; mode != 0o644 {
		t.Errorf("the data has mode %o, want 644", mode)
	}
	if got := string(files["model/sub/weights"]); got != "w" {
		t.Errorf("the data reads %q, want %q", got, "w")
	}
}

// layerOf follows index, manifest and layer by their digests, as an importer does.
func layerOf(t *testing.T, image []byte) []byte {
	t.Helper()
	files, _, _ := read(t, image)
	var i index
	if err := json.Unmarshal(files["index.json"], &i); err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(files[blobPath(i.Manifests[0].Digest)], &m); err != nil {
		t.Fatal(err)
	}
	layer := files[blobPath(m.Layers[0].Digest)]
	if int64(len(layer)) != m.Layers[0].Size || len(layer) == 0 {
		t.Fatalf("the layer has %d bytes, the manifest says %d", len(layer), m.Layers[0].Size)
	}
	return layer
}

func TestIndexNamesTheImageByTagAndByDigest(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "f"), "x", 0o644)
	reference, content := build(t, Spec{Name: "registry.local:5000/team/model:v1", Dirs: []Copy{{dir, "/"}}})
	files, _, _ := read(t, content)
	var i index
	if err := json.Unmarshal(files["index.json"], &i); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range i.Manifests {
		got = append(got, m.Annotations[annotationName])
	}
	want := []string{"registry.local:5000/team/model:v1", "registry.local:5000/team/model@" + i.Manifests[0].Digest}
	if !slices.Equal(got, want) || reference != want[1] {
		t.Errorf("the index names %v and Build answers %s, want %v", got, reference, want)
	}
	if name := i.Manifests[0].Annotations[annotationReference]; name != want[0] || i.Manifests[1].Annotations[annotationReference] != "" {
		t.Errorf("skopeo finds the image under %q, want %q once", name, want[0])
	}
}

func TestBadSpecsAreRefused(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "f"), "x", 0o644)
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	ok := []Copy{{file, "/f"}}
	tests := []struct {
		name string
		spec Spec
		want string
	}{
		{"a name without a tag", Spec{Name: "registry.local/a", Files: ok}, "want name:tag"},
		{"a port is not a tag", Spec{Name: "registry.local:5000/a", Files: ok}, "want name:tag"},
		{"a name without a registry", Spec{Name: "a:v1", Files: ok}, "registry host"},
		{"no content", Spec{Name: "registry.local/a:v1"}, "no file, folder or binary"},
		{"a relative place", Spec{Name: "registry.local/a:v1", Files: []Copy{{file, "f"}}}, "not absolute"},
		{"two files at one place", Spec{Name: "registry.local/a:v1", Files: []Copy{{file, "/f"}, {file, "/f"}}}, "is there already"},
		{"a missing file", Spec{Name: "registry.local/a:v1", Files: []Copy{{file + "x", "/f"}}}, "no such file"},
		{"an empty folder", Spec{Name: "registry.local/a:v1", Dirs: []Copy{{empty, "/m"}}}, "it is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output := filepath.Join(t.TempDir(), "x.tar")
			_, err := Build(test.spec, output)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
			if left, _ := os.ReadDir(filepath.Dir(output)); len(left) != 0 {
				t.Errorf("a failed build left %v behind", left)
			}
		})
	}
}
