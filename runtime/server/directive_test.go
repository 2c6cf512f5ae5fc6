package server

import (
	"bytes"
	"crypto/ed25519"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"aircache.dev/aircache/runtime/control"
)

func operatorKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// knows makes the pod apply what these keys signed, and nothing else.
func knows(t *testing.T, keys ...ed25519.PrivateKey) func(*Options, *Model) {
	t.Helper()
	var public []string
	for _, key := range keys {
		public = append(public, control.EncodePublicKey(key.Public().(ed25519.PublicKey)))
	}
	ring, err := control.ParseKeyring(public)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options, _ *Model) { o.TuningKeys = ring }
}

func directiveOf(t *testing.T, key ed25519.PrivateKey, revision int64, permille int32) string {
	t.Helper()
	b, err := control.Tuning{UID: "u-1", Pool: "cpu", Epoch: 1, Revision: revision, TargetPermille: permille}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAPodWithKeysAppliesOnlyWhatTheySigned(t *testing.T) {
	current, next, stranger := operatorKey(1), operatorKey(2), operatorKey(3)
	w := newWorld(t, knows(t, current, next)).control()
	first := directiveOf(t, current, 2, 250)
	foreign, err := control.Tuning{UID: "u-2", Pool: "cpu", Epoch: 1, Revision: 9, TargetPermille: 900}.Sign(current)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name, body string
		status     int
		says       string
		applied    int32
	}{
		{"an unsigned wish is refused", tuningJSON(1, 900), 403, `"code":"not_signed"`, 400},
		{"a stranger's is refused", directiveOf(t, stranger, 1, 900), 403, `"code":"unknown_key"`, 400},
		{"the operator's is applied", first, 200, `"revision":2`, 250},
		{"the very same again is fine", first, 200, `"revision":2`, 250},
		{"one that was changed on the way is refused", strings.Replace(directiveOf(t, current, 3, 300), "300", "900", 1), 403, `"code":"bad_signature"`, 250},
		{"the next key's is applied", directiveOf(t, next, 3, 300), 200, `"revision":3`, 300},
		{"the first one, replayed, is refused", first, 409, `"code":"stale_revision"`, 300},
		{"one for another object is refused", string(foreign), 400, `"code":"wrong_addressee"`, 300},
		{"a signed value under the pod's floor is refused", directiveOf(t, current, 4, 50), 400, `"code":"out_of_bounds"`, 300},
		{"and its revision was not used up", directiveOf(t, current, 4, 100), 200, `"targetPermille":100`, 100},
	} {
		g := w.do("PUT", "/v1/tuning", step.body)
		if g.status != step.status || !strings.Contains(g.body, step.says) || w.engine.Applied().TargetPermille != step.applied {
			t.Errorf("%s: %d %s, applied %d", step.name, g.status, g.body, w.engine.Applied().TargetPermille)
		}
	}
	for code, want := range map[string]float64{"not_signed": 1, "unknown_key": 1, "bad_signature": 1, "stale_revision": 1, "wrong_addressee": 1, "out_of_bounds": 1} {
		if got := testutil.ToFloat64(w.server.metrics.refused.WithLabelValues(code)); got != want {
			t.Errorf("%v refusals are counted as %s, want %v", got, code, want)
		}
	}
	if g := w.do("GET", "/v1/observation", ""); g.status != 200 {
		t.Errorf("looking needs no key: %d %s", g.status, g.body)
	}
}

func TestAConfigMapThatWasEditedByHandSetsNothing(t *testing.T) {
	w := newWorld(t, knows(t, operatorKey(1)))
	dir := t.TempDir()
	file := &TuningFile{Path: filepath.Join(dir, "cpu.json")}
	for _, step := range []struct {
		name, version, content string
		want                   int32
	}{
		{"the operator's directive is applied", "..v1", directiveOf(t, operatorKey(1), 1, 300), 300},
		{"a wish that someone typed is not", "..v2", tuningJSON(9, 900), 300},
		{"nor a directive with another value", "..v3", strings.Replace(directiveOf(t, operatorKey(1), 2, 300), "300", "900", 1), 300},
		{"nor an empty file", "..v4", "", 300},
		{"nor an old one", "..v5", directiveOf(t, operatorKey(1), 0, 700), 300},
		{"the repaired one changes nothing", "..v6", directiveOf(t, operatorKey(1), 1, 300), 300},
		{"the next one is applied", "..v7", directiveOf(t, operatorKey(1), 2, 600), 600},
	} {
		mount(t, dir, step.version, step.content)
		w.server.ApplyTuningFile(file)
		if got := w.engine.Applied().TargetPermille; got != step.want {
			t.Errorf("%s: applied %d, want %d", step.name, got, step.want)
		}
	}
	if !strings.Contains(w.log.String(), "no payload with a signature") {
		t.Errorf("the log does not say why:\n%s", w.log)
	}
}

func TestADirectiveThatDoesNotArriveIsGivenUp(t *testing.T) {
	w := newWorld(t, knows(t, operatorKey(1)))
	out := httptest.NewRecorder()
	w.server.Control().ServeHTTP(out, httptest.NewRequest("PUT", "/v1/tuning", brokenBody{os.ErrDeadlineExceeded}))
	if out.Code != 408 || !strings.Contains(out.Body.String(), "within 5 seconds") {
		t.Errorf("got %d %s", out.Code, out.Body)
	}
}
