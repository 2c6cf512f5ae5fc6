package hub

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	inmemory "github.com/google/go-containerregistry/pkg/registry"
	"github.com/klauspost/compress/zstd"
	godigest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"

	"aircache.dev/aircache/runtime/hub/hubtest"
)

// harbor is go-containerregistry's registry in memory, with faults in front of it.
type harbor struct {
	*world
	host  string
	fault func(http.ResponseWriter, *http.Request) bool
	asked []string // method, path and range of every request
}

func newHarbor(t *testing.T) *harbor {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	h := &harbor{world: &world{T: t, files: modelFiles(3), options: quick(t.TempDir())}}
	h.options.Workers = 1
	inner := inmemory.New(inmemory.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			h.asked = append(h.asked, r.URL.Path+" "+r.Header.Get("Range"))
			if h.fault != nil && h.fault(w, r) {
				return
			}
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	h.host = strings.TrimPrefix(server.URL, "http://")
	return h
}

func (h *harbor) push(tag string, manifest ocispec.Manifest, blobs ...[]byte) (reference string) {
	h.Helper()
	repository, err := remote.NewRepository(h.host + "/models/reader")
	if err != nil {
		h.Fatal(err)
	}
	repository.PlainHTTP = true
	put := func(d ocispec.Descriptor, content []byte) {
		h.Helper()
		if err := repository.Push(context.Background(), d, bytes.NewReader(content)); err != nil {
			h.Fatal(err)
		}
	}
	for _, b := range append(blobs, []byte("{}")) {
		put(ocispec.Descriptor{MediaType: "application/octet-stream", Digest: godigest.FromBytes(b), Size: int64(len(b))}, b)
	}
	manifest.Versioned, manifest.MediaType, manifest.Config = specs.Versioned{SchemaVersion: 2}, ocispec.MediaTypeImageManifest, ocispec.DescriptorEmptyJSON
	text, _ := json.Marshal(manifest)
	d := ocispec.Descriptor{MediaType: manifest.MediaType, Digest: godigest.FromBytes(text), Size: int64(len(text))}
	put(d, text)
	if err := repository.Tag(context.Background(), d, tag); err != nil {
		h.Fatal(err)
	}
	return "oci://" + h.host + "/models/reader@" + d.Digest.String()
}

// artifact has each file as a blob with its name.
func (h *harbor) artifact(tag string) string {
	var m ocispec.Manifest
	var blobs [][]byte
	for name, content := range h.files {
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: "application/octet-stream", Digest: godigest.FromBytes(content), Size: int64(len(content)),
			Annotations: map[string]string{ocispec.AnnotationTitle: name}})
		blobs = append(blobs, content)
	}
	slices.SortFunc(m.Layers, func(a, b ocispec.Descriptor) int {
		return strings.Compare(a.Annotations[ocispec.AnnotationTitle], b.Annotations[ocispec.AnnotationTitle])
	})
	return h.push(tag, m, blobs...)
}

// image has layers of tar, as a volume image does.
func (h *harbor) image(tag string, layers ...[]byte) string {
	var m ocispec.Manifest
	for _, l := range layers {
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: godigest.FromBytes(l), Size: int64(len(l))})
	}
	return h.push(tag, m, layers...)
}

// tarOf is a layer of files under a folder, and of what else is put in front of them.
func tarOf(folder string, files map[string][]byte, before ...tar.Header) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range before {
		e.Mode = 0o644
		if err := w.WriteHeader(&e); err != nil {
			panic(err)
		}
		_, _ = w.Write(make([]byte, e.Size))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: folder + name, Size: int64(len(files[name])), Mode: 0o644}); err != nil {
			panic(err)
		}
		_, _ = w.Write(files[name])
	}
	w.Close()
	return out.Bytes()
}

func TestAnArtifactOfFilesIsFetchedOnce(t *testing.T) {
	h := newHarbor(t)
	reference := h.artifact("v1")
	m := h.mustPull(reference)
	if !m.Fetched || m.Revision != strings.Split(reference, "@")[1] || !strings.HasPrefix(m.Dir, filepath.Join(h.options.Cache, "oci")) {
		t.Errorf("%+v", m)
	}
	for _, unwanted := range []string{"README.md", "pytorch_model.bin", "consolidated.safetensors"} {
		if blob := hubtest.SHA256(h.files[unwanted]); slices.ContainsFunc(h.asked, func(path string) bool { return strings.Contains(path, blob) }) {
			t.Errorf("%s was asked for", unwanted)
		}
	}
	if err := Verify(context.Background(), m.Dir); err != nil {
		t.Error(err)
	}
	h.asked = nil
	if m := h.mustPull(reference); m.Fetched || h.asked != nil {
		t.Errorf("fetched again: %v, asked %q", m.Fetched, h.asked)
	}
}

func TestATagIsTheDigestThatItIsNow(t *testing.T) {
	h := newHarbor(t)
	pinned := h.artifact("v1")
	tag := "oci://" + h.host + "/models/reader:v1"
	first := h.mustPull(tag)
	if !strings.HasSuffix(pinned, "@"+first.Revision) {
		t.Errorf("the tag is %s, want %s", first.Revision, pinned)
	}
	h.files["chat_template.jinja"] = []byte("{{ other }}")
	h.artifact("v1")
	if second := h.mustPull(tag); second.Dir == first.Dir {
		t.Error("the tag was moved, the folder is the same")
	}
	h.fault = always("", status(http.StatusBadGateway))
	if m := h.mustPull(tag); m.Fetched {
		t.Error("a registry that is away must leave what was there")
	}
}

func TestAVolumeImageIsUnpacked(t *testing.T) {
	for name, pack := range map[string]func([]byte) []byte{"plain": func(b []byte) []byte { return b }, "gzip": gzipped, "zstd": zstandard} {
		t.Run(name, func(t *testing.T) {
			h := newHarbor(t)
			old := map[string][]byte{"config.json": []byte("old"), "vocab.json": []byte("gone"), "model-1.safetensors": make([]byte, 9)}
			links := []tar.Header{{Typeflag: tar.TypeSymlink, Name: "etc", Linkname: "/etc"}, {Typeflag: tar.TypeChar, Name: "dev/null"}, {Typeflag: tar.TypeDir, Name: "./"},
				{Typeflag: tar.TypeReg, Name: ".wh.vocab.json"}}
			m := h.mustPull(h.image("v1", pack(tarOf("", old)), pack(tarOf("./", h.files, links...))))
			if err := Verify(context.Background(), m.Dir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnOpaqueLayerHidesWhatIsBelow(t *testing.T) {
	h := newHarbor(t)
	below := tarOf("", map[string][]byte{"merges.txt": []byte("x"), "generation_config.json": []byte("{}")})
	h.mustPull(h.image("v1", below, tarOf("", h.files, tar.Header{Typeflag: tar.TypeReg, Name: ".wh..wh..opq"})))
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstandard(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

// What an image must not do: nothing of it is published, and nothing lies outside of the cache.
func TestImagesThatAreRefused(t *testing.T) {
	bomb := gzipped(tarOf("", map[string][]byte{"x.bin": make([]byte, 80<<20)}))
	for name, c := range map[string]struct {
		layers func(files map[string][]byte) [][]byte
		words  string
	}{
		"a way out":        {func(f map[string][]byte) [][]byte { return [][]byte{tarOf("../", f)} }, "could leave the model's folder"},
		"a way out inside": {func(f map[string][]byte) [][]byte { return [][]byte{tarOf("a/../../", f)} }, "could leave the model's folder"},
		"a link out": {func(f map[string][]byte) [][]byte {
			return [][]byte{tarOf("", f, tar.Header{Typeflag: tar.TypeSymlink, Name: "generation_config.json", Linkname: "/etc/passwd"})}
		}, "generation_config.json is a symbolic link"},
		"a hard link": {func(f map[string][]byte) [][]byte {
			return [][]byte{tarOf("", f, tar.Header{Typeflag: tar.TypeLink, Name: "vocab.json", Linkname: "../../secret"})}
		}, "vocab.json is a hard link"},
		"a device": {func(f map[string][]byte) [][]byte {
			return [][]byte{tarOf("", f, tar.Header{Typeflag: tar.TypeBlock, Name: "model-9.safetensors"})}
		}, "model-9.safetensors is a device"},
		"no end of bytes":   {func(f map[string][]byte) [][]byte { return [][]byte{bomb} }, "unpacks to more than 100 times its size"},
		"no tar":            {func(f map[string][]byte) [][]byte { return [][]byte{[]byte(strings.Repeat("no tar ", 200))} }, "reading the tar"},
		"a cut tar":         {func(f map[string][]byte) [][]byte { b := tarOf("", f); return [][]byte{b[:len(b)/2]} }, "unpacking"},
		"a cut gzip":        {func(f map[string][]byte) [][]byte { b := gzipped(tarOf("", f)); return [][]byte{b[:len(b)-20]} }, "unpacking layer 0"},
		"a folder too deep": {func(f map[string][]byte) [][]byte { return [][]byte{tarOf("model/", f)} }, "config.json is not there"},
		"a shard missing": {func(f map[string][]byte) [][]byte {
			delete(f, "model-2.safetensors")
			return [][]byte{tarOf("", f)}
		}, "names model-2.safetensors, which is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarbor(t)
			h.isRefused(h.image("v1", c.layers(h.files)...), nil, c.words)
		})
	}
}

func TestManifestsThatAreRefused(t *testing.T) {
	blob := godigest.FromString("x")
	for name, c := range map[string]struct {
		layer ocispec.Descriptor
		words string
	}{
		"a title with a way out": {ocispec.Descriptor{MediaType: "a/b", Digest: blob, Annotations: map[string]string{ocispec.AnnotationTitle: "../x"}}, "could leave the model's folder"},
		"another digest":         {ocispec.Descriptor{MediaType: "a/b", Digest: "sha512:00"}, "sha512:00"},
		"a size below nothing":   {ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: blob, Size: -1}, "-1 bytes"},
		"no files":               {ocispec.Descriptor{MediaType: "application/vnd.x", Digest: blob}, "neither files"},
	} {
		text, _ := json.Marshal(ocispec.Manifest{Layers: []ocispec.Descriptor{c.layer}})
		if _, err := readManifestOCI(text); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
}

func TestRefusalsOfARegistry(t *testing.T) {
	for _, c := range []struct {
		status int
		kind   error
		words  string
	}{
		{http.StatusUnauthorized, ErrDenied, "docker login"}, {http.StatusForbidden, ErrDenied, "docker login"}, {http.StatusNotFound, ErrNotFound, "404"},
		{http.StatusInternalServerError, nil, "(4 tries)"},
	} {
		for _, part := range []string{"/manifests/", "/blobs/"} {
			t.Run(fmt.Sprint(c.status, part), func(t *testing.T) {
				h := newHarbor(t)
				reference := h.artifact("v1")
				h.fault = always(part, status(c.status))
				h.isRefused(reference, c.kind, c.words, fmt.Sprint(c.status))
			})
		}
	}
	h := newHarbor(t)
	h.isRefused("oci://"+h.host+"/models/other:v1", ErrNotFound, "404")
}

func TestCutsAndWrongContentOfARegistry(t *testing.T) {
	h := newHarbor(t)
	reference := h.artifact("v1")
	shard := h.files["model-2.safetensors"]
	h.fault = once(1, hubtest.SHA256(shard), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-999/2500")
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(shard[:300])
	})
	h.mustPull(reference)
	if !slices.ContainsFunc(h.asked, func(s string) bool { return strings.HasSuffix(s, hubtest.SHA256(shard)+" bytes=300-999") }) {
		t.Errorf("the cut did not go on at byte 300: %q", h.asked)
	}

	h = newHarbor(t)
	reference = h.artifact("v1")
	h.fault = always(hubtest.SHA256(h.files["tokenizer.json"]), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) })
	h.isRefused(reference, nil, "tokenizer.json has the wrong content", "sha256")

	h = newHarbor(t)
	reference = h.artifact("v1")
	h.fault = always("/manifests/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		_, _ = w.Write([]byte(`{"layers":[]}`))
	})
	h.isRefused(reference, nil, "manifest")

	h = newHarbor(t)
	reference = h.image("v1", tarOf("", h.files))
	h.fault = always("/blobs/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 17)) })
	h.isRefused(reference, nil, "announced", "17")
}

// Layers that came before a process was killed are not fetched again, and what it had half unpacked is forgotten.
func TestAKilledFetchOfLayersGoesOn(t *testing.T) {
	h := newHarbor(t)
	layer := tarOf("", h.files)
	reference := h.image("v1", layer)
	h.options.Tries = 1
	last := fmt.Sprintf("bytes=%d-", (len(layer)-1)/1000*1000)
	h.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Header.Get("Range"), last) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	h.isRefused(reference, nil, "503")
	h.fault = nil
	partial, _ := filepath.Glob(filepath.Join(h.options.Cache, "oci/*/*/.partial-*/model"))
	if len(partial) != 1 || os.WriteFile(filepath.Join(partial[0], "config.json"), []byte("half"), 0o600) != nil {
		t.Fatalf("partial folders: %q", partial)
	}
	h.asked = nil
	h.mustPull(reference)
	if len(h.asked) != 2 {
		t.Errorf("asked for %q, want the manifest and the one segment that was missing", h.asked)
	}
}

func TestAFullDiskWithLayers(t *testing.T) {
	h := newHarbor(t)
	layer := tarOf("", h.files)
	reference := h.image("v1", layer)
	h.options.Free = func(string) (int64, error) { return int64(len(layer)) * 3 / 2, nil }
	h.isRefused(reference, ErrNoSpace, "are still to be written")
	h.options.Free = nil
	h.options.write = func(f writerAt) writerAt {
		if out, ok := f.(*os.File); ok && strings.HasSuffix(out.Name(), ".safetensors") {
			return full{f}
		}
		return f
	}
	h.isRefused(reference, ErrNoSpace, "no space left on device")
	h.options.write = nil
	h.mustPull(reference)
}

func TestAnIndexGivesThisPlatformOrTheOnlyOne(t *testing.T) {
	one, other := godigest.FromString("one"), godigest.FromString("other")
	index := func(platforms ...string) []byte {
		var i ocispec.Index
		for n, p := range platforms {
			os, arch, _ := strings.Cut(p, "/")
			i.Manifests = append(i.Manifests, ocispec.Descriptor{Digest: []godigest.Digest{one, other}[n], Platform: &ocispec.Platform{OS: os, Architecture: arch}})
		}
		text, _ := json.Marshal(i)
		return text
	}
	for _, c := range []struct {
		platforms []string
		want      godigest.Digest
		words     string
	}{
		{[]string{"linux/s390x", "linux/" + runtime.GOARCH}, other, ""}, {[]string{"linux/s390x", "unknown/unknown"}, one, ""},
		{[]string{"linux/s390x", "linux/ppc64le"}, "", "linux/s390x, linux/ppc64le"}, {nil, "", "no image"},
	} {
		got, err := choosePlatform(index(c.platforms...))
		if got != c.want.String() || c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)) {
			t.Errorf("%q: %s, %v", c.platforms, got, err)
		}
	}
}

// A registry challenges; the credentials of Docker's file go to it and its token service, and never to where blobs are redirected.
func TestCredentialsOfARegistry(t *testing.T) {
	h := newHarbor(t)
	reference := h.artifact("v1")
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token left the registry")
		}
		for _, content := range h.files {
			if strings.HasSuffix(r.URL.Path, hubtest.SHA256(content)) {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
			}
		}
	}))
	t.Cleanup(elsewhere.Close)
	h.fault = func(w http.ResponseWriter, r *http.Request) bool {
		user, password, basic := r.BasicAuth()
		switch {
		case r.URL.Path == "/token" && basic && user == "reader" && password == "secret":
			_, _ = w.Write([]byte(`{"token":"of-the-day"}`))
		case r.URL.Path == "/token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.Header.Get("Authorization") != "Bearer of-the-day":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="x",scope="repository:models/reader:pull"`, h.host))
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/blobs/"):
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
		default:
			return false
		}
		return true
	}
	h.isRefused(reference, ErrDenied, "401", "docker login "+h.host)
	config := fmt.Sprintf(`{"auths":{%q:{"auth":"cmVhZGVyOnNlY3JldA=="}}}`, h.host) // reader:secret
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	h.mustPull(reference)
}

func TestRegistriesWithoutTLS(t *testing.T) {
	o := Options{OCIPlainHTTP: []string{"registry.lan:5000"}}
	for host, want := range map[string]bool{"localhost:5000": true, "127.0.0.1:5000": true, "[::1]:5000": true, "registry.lan:5000": true, "registry.lan": false, "ghcr.io": false, "10.0.0.1:5000": false} {
		if o.isPlain(host) != want {
			t.Errorf("%s: without TLS is %v", host, !want)
		}
	}
}

// FuzzManifest: whatever a registry answers, no accepted name leads out of the folder that it is written to.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"layers":[{"mediaType":"a/b","digest":"sha256:` + strings.Repeat("0a", 32) + `","size":3,"annotations":{"org.opencontainers.image.title":"config.json"}}]}`))
	f.Add([]byte(`{"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:` + strings.Repeat("0a", 32) + `","size":3}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := readManifestOCI(text)
		if err != nil {
			return
		}
		for _, one := range l.files {
			if !filepath.IsLocal(filepath.FromSlash(one.name)) || one.size < 0 || !digestName.MatchString(one.key) {
				t.Errorf("accepted %q of %d bytes at %q", one.name, one.size, one.key)
			}
		}
		_, _ = choosePlatform(text)
	})
}

// FuzzLayer: whatever a layer holds, only plain files of a model's folder come out of it.
func FuzzLayer(f *testing.F) {
	f.Add(tarOf("", modelFiles(1)))
	f.Add(gzipped(tarOf("./", map[string][]byte{"config.json": []byte("{}")}, tar.Header{Typeflag: tar.TypeSymlink, Name: "x", Linkname: "/"})))
	f.Add(zstandard(tarOf("../", map[string][]byte{"config.json": []byte("{}")})))
	f.Fuzz(func(t *testing.T, layer []byte) {
		outer := t.TempDir()
		dir := filepath.Join(outer, "model")
		path := filepath.Join(outer, "layer")
		if os.Mkdir(dir, 0o755) != nil || os.WriteFile(path, layer, 0o600) != nil {
			t.Fatal("the folder could not be made")
		}
		u := &unpacking{ctx: context.Background(), options: Options{Free: func(string) (int64, error) { return 1 << 20, nil }}.complete(), dir: dir, files: map[string]file{}}
		err := u.layer(path, int64(len(layer)))
		all, _ := os.ReadDir(outer)
		inside, _ := os.ReadDir(dir)
		if len(all) != 2 || err == nil && len(inside) != len(u.files) {
			t.Errorf("%d entries beside the folder, %d files where %d were taken", len(all), len(inside), len(u.files))
		}
		for _, e := range inside {
			if !e.Type().IsRegular() {
				t.Errorf("%s is %v", e.Name(), e.Type())
			}
		}
	})
}
