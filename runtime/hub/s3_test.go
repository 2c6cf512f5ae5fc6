package hub

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

const inBucket = "s3://models/team/tiny"

// store is an S3 server in memory with the world's model under a prefix.
type store struct {
	*world
	backend *s3mem.Backend
	fault   func(http.ResponseWriter, *http.Request) bool
	extra   http.Header // on every answer about an object's head
}

func newStore(t *testing.T, server ...gofakes3.Option) *store {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	s := &store{world: &world{T: t, files: modelFiles(3)}, backend: s3mem.New(), extra: http.Header{}}
	if err := s.backend.CreateBucket(t.Context(), "models"); err != nil {
		t.Fatal(err)
	}
	for name, content := range s.files {
		s.put("team/tiny/"+name, content)
	}
	s.put("team/tiny-2/config.json", []byte("another model"))
	fake := gofakes3.New(s.backend, server...).Server()
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.fault != nil && s.fault(w, r) {
			return
		}
		if r.Method == http.MethodHead {
			for name, values := range s.extra {
				w.Header()[name] = values
			}
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(listener.Close)
	s.options = quick(t.TempDir())
	s.options.S3Endpoint = listener.URL
	return s
}

func (s *store) put(key string, content []byte) {
	s.Helper()
	if _, err := s.backend.PutObject(s.Context(), "models", key, map[string]string{}, bytes.NewReader(content), int64(len(content))); err != nil {
		s.Fatal(err)
	}
}

func TestAModelOfABucket(t *testing.T) {
	s := newStore(t)
	first := s.mustPull(inBucket)
	if !first.Fetched || !commitName.MatchString(first.Revision) {
		t.Errorf("%+v", first)
	}
	if again := s.mustPull(inBucket + "/"); again.Fetched || again.Dir != first.Dir {
		t.Errorf("%+v", again)
	}
	s.put("team/tiny/config.json", []byte(`{"architectures":["Y"]}`))
	s.files["config.json"] = []byte(`{"architectures":["Y"]}`)
	if next := s.mustPull(inBucket); !next.Fetched || next.Dir == first.Dir {
		t.Errorf("a replaced object is another model: %+v", next)
	}
	s.options.Offline, s.options.S3Endpoint = true, s.options.S3Endpoint+"/"
	if last := s.mustPull(inBucket); last.Fetched {
		t.Errorf("%+v", last)
	}
}

func TestCredentials(t *testing.T) {
	signed := gofakes3.WithV4Auth(map[string]string{"key": "secret"})
	s := newStore(t, signed)
	s.isRefused(inBucket, ErrDenied, "s3:ListObjectsV2 s3://models/team/tiny/", "403")

	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	s.isRefused(inBucket, ErrDenied, "SignatureDoesNotMatch")

	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	s.mustPull(inBucket)
}

func TestNoCredentialsAreAsked(t *testing.T) {
	s := newStore(t)
	var log bytes.Buffer
	s.options.Log = slog.New(slog.NewTextHandler(&log, nil))
	s.fault = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s is signed with nothing", r.URL.Path)
		}
		return false
	}
	s.mustPull(inBucket)
	if !strings.Contains(log.String(), "without credentials") {
		t.Error(log.String())
	}
}

func TestRefusalsOfAStore(t *testing.T) {
	for name, c := range map[string]struct {
		reference string
		fault     func(http.ResponseWriter, *http.Request) bool
		kind      error
		words     []string
	}{
		"no such bucket":   {"s3://nothing/x", nil, ErrNotFound, []string{"s3://nothing/x/", "NoSuchBucket"}},
		"an empty prefix":  {"s3://models/team/other", nil, ErrNotFound, []string{"holds no objects"}},
		"a store in need":  {inBucket, always("model-1", status(503, "Retry-After", "0")), nil, []string{"model-1.safetensors", "503", "4 tries"}},
		"a denied object":  {inBucket, always("tokenizer.json", status(403)), ErrDenied, []string{"tokenizer.json"}},
		"a bucket's name":  {"s3://UPPER/x", nil, nil, []string{"lower-case"}},
		"a prefix of dots": {"s3://models/../x", nil, nil, []string{"'..'"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.fault = c.fault
			s.isRefused(c.reference, c.kind, c.words...)
		})
	}
}

func TestCutsAndWrongContentOfAStore(t *testing.T) {
	s := newStore(t)
	s.fault = once(2, "model-2.safetensors", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Length", "1000")
		w.Write(s.files["model-2.safetensors"][:100])
	})
	s.mustPull(inBucket)

	s = newStore(t)
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "tokenizer.json") {
			return false
		}
		w.Write([]byte("[]"))
		return true
	}
	s.isRefused(inBucket, nil, "tokenizer.json", "md5")
}

func TestAnObjectThatIsReplacedMeanwhile(t *testing.T) {
	s := newStore(t)
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "model-3.safetensors") {
			return false
		}
		if r.Header.Get("If-Match") == "" {
			t.Error("no If-Match")
		}
		w.WriteHeader(http.StatusPreconditionFailed)
		return true
	}
	s.isRefused(inBucket, nil, "model-3.safetensors", "replaced meanwhile")
}

func TestDigestsThatAStoreTells(t *testing.T) {
	s := newStore(t)
	s.extra.Set("X-Amz-Checksum-Crc64nvme", base64.StdEncoding.EncodeToString(make([]byte, 8)))
	s.extra.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	s.isRefused(inBucket, nil, "wrong content", "crc64nvme is", "announced 0000000000000000")

	s = newStore(t)
	s.extra.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	s.extra.Set("X-Amz-Checksum-Type", "COMPOSITE") // of the parts: says nothing about the whole
	s.mustPull(inBucket)

	s = newStore(t)
	s.extra.Set("X-Amz-Server-Side-Encryption", "aws:kms")
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "tokenizer.json") {
			return false
		}
		w.Write([]byte("[]"))
		return true
	}
	s.files["tokenizer.json"] = []byte("[]")
	s.mustPull(inBucket) // its tag is no digest: nothing to hold the content against
}

func TestDigestsByKnownValues(t *testing.T) {
	for kind, want := range map[string]string{
		digestSHA256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225", digestMD5: "25f9e794323b453885f5181f1b624d0b",
		digestCRC64: "ae8b14860a799888", digestGit: "e2e107ac61ac259b87c544f6e7a4eb03422c6c21", // echo -n 123456789 | git hash-object --stdin
	} {
		h := digest{Kind: kind}.hash(9)
		io.WriteString(h, "123456789")
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func TestStoresDoNotShareFolders(t *testing.T) {
	seen := map[string]string{}
	for _, c := range [][2]string{{"s3://models/a", ""}, {"s3://models/a", "http://10.0.0.1:9000"}, {"s3://models/a", "http://10.0.0.1:9001"}, {"s3://models/a--b", ""}, {"s3://models/a b", ""},
		{"s3://models/a_b", ""}, {"s3://models/" + strings.Repeat("x", 300), ""}, {"s3://models/" + strings.Repeat("x", 299), ""}} {
		r, err := Parse(c[0])
		if err != nil {
			t.Fatal(err)
		}
		folder := r.s3Folder(c[1])
		if before, taken := seen[folder]; taken || len(filepath.Base(folder)) > maxNameBytes || strings.Contains(folder, "..") {
			t.Errorf("%v has the folder %q, and so has %s", c, folder, before)
		}
		seen[folder] = c[0]
	}
}

func TestStallsOfAStore(t *testing.T) {
	s := newStore(t)
	s.options.Stall, s.options.Tries = 30*time.Millisecond, 1
	s.fault = once(1, "tokenizer.json", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", "2")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
	_, err := Pull(context.Background(), inBucket, s.options)
	if err != nil && !errors.Is(err, errStalled) && !strings.Contains(err.Error(), "tokenizer.json") {
		t.Error(err)
	}
}
