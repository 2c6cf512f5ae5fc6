package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/hub/hubtest"
)

func errorsIs(err, kind error) bool { return errors.Is(err, kind) }

func TestAModelOfTheHubIsFetchedOnce(t *testing.T) {
	w := newWorld(t)
	first := w.mustPull(model)
	if !first.Fetched || first.Revision != commit || first.Bytes == 0 {
		t.Errorf("the first pull says %+v", first)
	}
	served := w.hub.Served.Load()
	if again := w.mustPull(model); again.Fetched || again.Dir != first.Dir || w.hub.Served.Load() != served {
		t.Errorf("the second pull says %+v and asked for %d files", again, w.hub.Served.Load()-served)
	}
	if left, _ := filepath.Glob(filepath.Join(w.options.Cache, "huggingface/org/model/.partial*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestABranchIsTheCommitThatItIsNow(t *testing.T) {
	w := newWorld(t)
	if m := w.mustPull("hf://org/model"); m.Revision != commit {
		t.Errorf("main is %s", m.Revision)
	}
	const next = "ffffffffffffffffffffffffffffffffffffffff"
	w.hub.AddRepo("org/model", next, w.files)
	if m := w.mustPull("hf://org/model@main"); m.Revision != next || !m.Fetched {
		t.Errorf("after a push main is %+v", m)
	}
}

func TestOffline(t *testing.T) {
	w := newWorld(t)
	w.options.Offline = true
	w.isRefused(model, ErrOffline)
	w.isRefused("hf://org/model", ErrOffline)
	w.options.Offline = false
	w.mustPull("hf://org/model")
	w.options.Offline = true
	w.options.Endpoint = "http://127.0.0.1:1" // nobody listens
	w.mustPull(model)
	w.mustPull("hf://org/model")
	w.options.Offline = false
	if m := w.mustPull("hf://org/model"); m.Fetched {
		t.Error("a hub that is away must leave what was there")
	}
}

func TestCutsGoOnWhereTheyWere(t *testing.T) {
	w := newWorld(t)
	w.options.Segment = 1 << 20 // one segment a file, so that a cut is inside of it
	var bytes atomic.Int64
	var ranges atomic.Int64
	w.hub.SetFault(func(rw http.ResponseWriter, r *http.Request) bool {
		content := w.files["model-2.safetensors"]
		if r.URL.Path != "/"+hubtest.SHA256(content) {
			return false
		}
		from := 0
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); n == 1 {
			ranges.Add(1)
			if r.Header.Get("If-Range") != `"tag"` {
				t.Errorf("bytes from %d on are asked for with If-Range %q", from, r.Header.Get("If-Range"))
			}
			rw.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		}
		rw.Header().Set("ETag", `"tag"`)
		rw.Header().Set("Content-Length", fmt.Sprint(len(content)-from))
		if from > 0 {
			rw.WriteHeader(http.StatusPartialContent)
		}
		n := min(300, len(content)-from) // and then the connection breaks
		bytes.Add(int64(n))
		_, _ = rw.Write(content[from:][:n])
		return true
	})
	w.mustPull(model)
	if ranges.Load() != 8 || bytes.Load() != 2500 {
		t.Errorf("2500 bytes with a cut every 300 took %d ranges and %d bytes; more cuts than tries, since each brought something", ranges.Load(), bytes.Load())
	}
}

func TestAKilledFetchLeavesItsSegments(t *testing.T) {
	w := newWorld(t)
	w.options.Workers, w.options.Tries = 1, 1
	blob := hubtest.SHA256(w.files["model-3.safetensors"])
	w.hub.SetFault(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, blob) || !strings.HasPrefix(r.Header.Get("Range"), "bytes=2000-") {
			return false
		}
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	w.isRefused(model, nil, "model-3.safetensors", "503")
	w.hub.SetFault(nil)
	before := w.hub.Served.Load()
	w.mustPull(model)
	if n := w.hub.Served.Load() - before; n != 1 {
		t.Errorf("%d answers, want the one segment that was missing", n)
	}
}

func TestSegmentsThatTheDiskLostAreFetchedAgain(t *testing.T) {
	w := newWorld(t)
	w.options.Workers, w.options.Tries = 1, 1
	w.hub.SetFault(always(hubtest.SHA256(w.files["model-3.safetensors"]), status(http.StatusServiceUnavailable)))
	w.isRefused(model, nil, "model-3.safetensors")
	damaged, _ := filepath.Glob(filepath.Join(w.options.Cache, "huggingface/org/model/.partial-*/model/model-1.safetensors"))
	if len(damaged) != 1 {
		t.Fatalf("partial files: %q", damaged)
	}
	if err := os.WriteFile(damaged[0], make([]byte, 2500), 0o600); err != nil {
		t.Fatal(err)
	}
	w.hub.SetFault(nil)
	w.mustPull(model)
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		reference string
		fault     func(http.ResponseWriter, *http.Request) bool
		kind      error
		words     []string
	}{
		"no such repository":        {"hf://org/other@" + commit, nil, ErrNotFound, []string{"org/other", "404", "Repository not found"}},
		"no such revision":          {"hf://org/model@v9", nil, ErrNotFound, []string{"Invalid rev id: v9"}},
		"no token":                  {model, always("/api", status(401, "X-Error-Message", "Access is restricted.")), ErrDenied, []string{"401", "Access is restricted.", "no token was given"}},
		"a token without the right": {model, always("/api", status(403)), ErrDenied, []string{"403", "wants its terms accepted"}},
		"a file that is not there":  {model, always("tokenizer.json", status(404)), ErrNotFound, []string{"tokenizer.json", "404"}},
		"a gated file":              {model, always("config.json", status(403)), ErrDenied, []string{"config.json", "403"}},
		"a server that stays ill":   {model, always("tokenizer.json", status(502)), nil, []string{"tokenizer.json", "502", "4 tries"}},
		"a wait of an hour":         {model, always("/api", status(429, "Retry-After", "3600")), nil, []string{"429", "1h0m0s"}},
		"a list that is no list":    {model, always("/api", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }), nil, []string{"list of files"}},
		"a branch as the commit":    {model, always("/api", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"sha":"main"}`)) }), nil, []string{`"main"`, "40 hexadecimal"}},
		"a name that leads out": {model, always("/api", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"sha":%q,"siblings":[{"rfilename":"../../evil","size":1}]}`, commit)
		}), nil, []string{`"../../evil"`, "nothing was fetched"}},
		"a repository without weights": {model, always("/api", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"sha":%q,"siblings":[{"rfilename":"config.json"},{"rfilename":"tokenizer.json"},{"rfilename":"model.gguf"}]}`, commit)
		}), nil, []string{"model.safetensors", "it holds config.json, model.gguf, tokenizer.json"}},
		"a redirect without end":    {model, always("tokenizer.json", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }), nil, []string{"tokenizer.json", "more than 10 times"}},
		"a scheme that is none":     {"ftp://x/y", nil, nil, []string{"hf://owner/name@revision"}},
		"a repository that is none": {"hf://../x", nil, nil, []string{"owner/name"}},
		"a folder that is not":      {"/no/such/folder", nil, ErrNotFound, []string{"no such folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.hub.SetFault(c.fault)
			w.isRefused(c.reference, c.kind, c.words...)
		})
	}
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"too many requests": status(429, "Retry-After", "0"), "a gateway": status(502), "a dropped connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, part := range []string{"/api", "tokenizer.json", hubtest.SHA256(modelFiles(3)["model-1.safetensors"])} {
				w := newWorld(t)
				w.hub.SetFault(once(3, part, fault))
				w.mustPull(model)
			}
		})
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	w := newWorld(t)
	w.hub.SetFault(once(1, "/api", status(429, "Retry-After", "7")))
	var waited []time.Duration
	w.options.After = func(d time.Duration) <-chan time.Time {
		if d != w.options.Beat {
			waited = append(waited, d)
			d = 0
		}
		return time.After(d)
	}
	w.mustPull(model)
	if len(waited) != 1 || waited[0] != 7*time.Second {
		t.Errorf("waited %v", waited)
	}
	if got := readRetryAfter("Tue, 24 Nov 2026 03:00:30 GMT", time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)); got != 30*time.Second {
		t.Errorf("a date is %v away", got)
	}
}

func TestWrongContent(t *testing.T) {
	large := hubtest.SHA256(modelFiles(3)["model-2.safetensors"])
	w := newWorld(t)
	w.options.Segment = 1 << 20
	w.hub.SetFault(always(large, func(rw http.ResponseWriter, _ *http.Request) { rw.Write(make([]byte, 2500)) }))
	w.isRefused(model, nil, "model-2.safetensors", "sha256", large)

	w.hub.SetFault(nil)
	w.mustPull(model) // nothing of it stayed

	w = newWorld(t)
	w.hub.SetFault(always("tokenizer.json", func(rw http.ResponseWriter, _ *http.Request) { rw.Write([]byte(`[]`)) }))
	w.isRefused(model, nil, "tokenizer.json", "git-sha1")

	w.hub.SetFault(always("tokenizer.json", func(rw http.ResponseWriter, _ *http.Request) { rw.Write([]byte(`{"too":"long"}`)) }))
	w.isRefused(model, nil, "tokenizer.json", "announced 2 bytes, the server sends 14")
}

func TestAServerThatIgnoresRange(t *testing.T) {
	w := newWorld(t)
	w.hub.SetFault(always(hubtest.SHA256(w.files["model-2.safetensors"]), func(rw http.ResponseWriter, _ *http.Request) { rw.Write(w.files["model-2.safetensors"]) }))
	w.isRefused(model, nil, "model-2.safetensors", "ignores Range")
	w.options.Segment = 1 << 20
	w.mustPull(model)
}

func TestAPartThatIsNotTheOneAskedFor(t *testing.T) {
	w := newWorld(t)
	w.hub.SetFault(always(hubtest.SHA256(w.files["model-2.safetensors"]), func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Range", "bytes 0-9/2500")
		rw.WriteHeader(http.StatusPartialContent)
		rw.Write(make([]byte, 10))
	}))
	w.isRefused(model, nil, "model-2.safetensors", `"bytes 0-9/2500"`)
}

func TestTheTokenStaysAtTheHub(t *testing.T) {
	w := newWorld(t)
	w.hub.Token, w.options.Token = "hf_secret", "hf_secret"
	w.mustPull(model)
	if n := w.hub.Leaked.Load(); n != 0 {
		t.Errorf("the token was shown to the CDN %d times", n)
	}
	w = newWorld(t)
	w.hub.Token, w.options.Token = "hf_secret", "hf_old"
	_, err := w.pull(model)
	if err == nil || !strings.Contains(err.Error(), "the token is not valid") || strings.Contains(err.Error(), "hf_old") {
		t.Error(err)
	}
}

func TestSignaturesStayOutOfErrors(t *testing.T) {
	w := newWorld(t)
	w.options.Tries = 1
	w.hub.CDN = "http://127.0.0.1:1"
	_, err := w.pull(model)
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Error(err)
	}
}

func TestNoWayBackFromEncryption(t *testing.T) {
	w := newWorld(t)
	secure := httptest.NewTLSServer(w.hub)
	defer secure.Close()
	w.options.Endpoint, w.options.HTTP = secure.URL, secure.Client()
	w.isRefused(model, nil, "which is not encrypted")
}

func TestAStalledConnectionIsCut(t *testing.T) {
	w := newWorld(t)
	w.options.Stall = 50 * time.Millisecond
	w.hub.SetFault(once(1, hubtest.SHA256(w.files["model-1.safetensors"]), func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", "2500")
		rw.WriteHeader(http.StatusOK)
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	w.options.Segment = 1 << 20
	w.mustPull(model)
}

func TestAFullDisk(t *testing.T) {
	w := newWorld(t)
	w.options.Free = func(string) (int64, error) { return 3000, nil }
	w.isRefused(model, ErrNoSpace, "7.5 kB are still to be written", "3.0 kB free")

	w = newWorld(t)
	w.options.write = func(f writerAt) writerAt { return full{f} }
	w.isRefused(model, ErrNoSpace, "no space left on device")
	w.options.write = nil
	w.mustPull(model)
}

// full is a disk with room for the first 1,000 bytes of a file.
type full struct{ writerAt }

func (f full) WriteAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > 1000 {
		return 0, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	return f.writerAt.WriteAt(b, at)
}

func TestAPublishedFolderThatLostAFileIsMended(t *testing.T) {
	w := newWorld(t)
	m := w.mustPull(model)
	if err := os.Truncate(filepath.Join(m.Dir, "model-2.safetensors"), 100); err != nil {
		t.Fatal(err)
	}
	w.options.Offline = true
	if _, err := w.pull(model); err == nil || !strings.Contains(err.Error(), "model-2.safetensors has 100 bytes") {
		t.Error(err)
	}
	w.options.Offline = false
	if m := w.mustPull(model); !m.Fetched {
		t.Error("it was not fetched again")
	}
}

func TestVerifyReadsWhatIsThere(t *testing.T) {
	w := newWorld(t)
	m := w.mustPull(model)
	if err := Verify(t.Context(), m.Dir); err != nil {
		t.Error(err)
	}
	damaged := filepath.Join(m.Dir, "model-2.safetensors")
	if err := os.WriteFile(damaged, make([]byte, 2500), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Verify(t.Context(), m.Dir); err == nil || !strings.Contains(err.Error(), "model-2.safetensors has the wrong content") {
		t.Error(err)
	}
	if err := Verify(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "not fetched here") {
		t.Error(err)
	}
}

func TestACancelledFetchFreesItsLease(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	w.hub.SetFault(once(1, hubtest.SHA256(w.files["model-1.safetensors"]), func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	if _, err := Pull(ctx, model, w.options); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.options.Host, w.options.Stale = "another", time.Hour
	w.mustPull(model)
}

func TestProgressTellsAPerson(t *testing.T) {
	w := newWorld(t)
	w.options.Progress = &Progress{}
	if got := w.options.Progress.String(); got != "asking which files there are" {
		t.Error(got)
	}
	m := w.mustPull(model)
	if done, total := w.options.Progress.Bytes(); done != total || total != m.Bytes {
		t.Errorf("%d of %d bytes, the model has %d", done, total, m.Bytes)
	}
	p := &Progress{}
	p.total.Store(15_231_234_567)
	p.done.Store(3_100_000_000)
	if got := p.String(); got != "3.1 GB of 15.2 GB fetched (20 %)" {
		t.Error(got)
	}
}
