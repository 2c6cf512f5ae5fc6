package hub

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRepository: whatever a hub answers, no accepted name leads out of the folder that it is written to.
func FuzzRepository(f *testing.F) {
	f.Add([]byte(`{"sha":"` + commit + `","siblings":[{"rfilename":"config.json","size":2,"blobId":"ab"},{"rfilename":"a/b.safetensors","lfs":{"sha256":"cd","size":9}}]}`))
	f.Add([]byte(`{"sha":"` + commit + `","siblings":[{"rfilename":"../x"}]}`))
	f.Add([]byte(`{"sha":"` + commit + `","siblings":[{"rfilename":"a\u0000b","size":-1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := readRepository(text)
		if err != nil {
			return
		}
		if !commitName.MatchString(l.revision) {
			t.Errorf("commit %q", l.revision)
		}
		for _, one := range l.files {
			at := filepath.Join("/cache/model", filepath.FromSlash(one.name))
			if !strings.HasPrefix(at, "/cache/model/") || strings.ContainsRune(one.name, 0) || one.size < 0 {
				t.Errorf("accepted %q of %d bytes", one.name, one.size)
			}
		}
		_, _ = l.smallFiles()
	})
}

// FuzzParse: an accepted reference names a folder inside the cache, and reads back as itself.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"hf://a/b", "hf://a/b@main", "hf://a/b@refs/pr/1", "s3://bucket/a/b", "s3://bucket", "/models/x", "hf://../..", "s3://a..b/x", "hf://a/b@../x", "oci://host:5000/a/b:v1",
		"oci://host/a@sha256:" + strings.Repeat("0f", 32), "oci://../a", "oci://host/a:v1@sha256:" + strings.Repeat("0f", 32)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil || !r.Remote() {
			return
		}
		folder := r.folder(Options{S3Endpoint: "http://10.0.0.1:9000"})
		if !filepath.IsLocal(folder) || strings.Count(folder, "/") != 2 || len(filepath.Base(folder)) > maxNameBytes {
			t.Errorf("%q has the folder %q", text, folder)
		}
		if again, err := Parse(r.String()); err != nil || again != r {
			t.Errorf("%q reads as %+v, and that as %+v (%v)", text, r, again, err)
		}
	})
}
