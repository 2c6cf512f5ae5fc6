package server

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
)

// control moves the world's client to the control port.
func (w *world) control() *world {
	w.api.Close()
	w.api = httptest.NewServer(w.server.Control())
	w.t.Cleanup(w.api.Close)
	return w
}

func TestTheControlPortSetsTheRetention(t *testing.T) {
	w := newWorld(t).control()
	for _, step := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"a wish is applied", `{"uid":"u-1","pool":"cpu","epoch":1,"revision":2,"targetPermille":250}`, 200, `"revision":2,"epoch":1,"targetPermille":250,"appliedAt":"2026-01-02T12:00:00Z"`},
		{"the same wish again is fine", `{"uid":"u-1","pool":"cpu","epoch":1,"revision":2,"targetPermille":250}`, 200, `"targetPermille":250`},
		{"an older wish is refused", `{"uid":"u-1","epoch":1,"revision":1,"targetPermille":900}`, 409, `"code":"stale_revision"`},
		{"another object's wish is refused", `{"uid":"u-2","epoch":1,"revision":3,"targetPermille":900}`, 400, `"param":"uid"`},
		{"a wish under the floor is refused", `{"epoch":1,"revision":3,"targetPermille":50}`, 400, `"param":"targetPermille"`},
		{"broken JSON is refused", `{`, 400, `"code":"invalid_json"`},
		{"a body that is an array is refused", `[]`, 400, `"code":"invalid_json"`},
		{"a body without end is refused", `{"uid":"` + strings.Repeat("x", control.MaxTuningBytes) + `"}`, 413, `"code":"too_large"`},
	} {
		if g := w.do("PUT", "/v1/tuning", step.body); g.status != step.status || !strings.Contains(g.body, step.says) {
			t.Errorf("%s: %d %s", step.name, g.status, g.body)
		}
	}
	g := w.do("GET", "/v1/tuning", "")
	if ack, err := control.DecodeAck(strings.NewReader(g.body)); err != nil || ack.TargetPermille != 250 || ack.Revision != 2 {
		t.Errorf("the applied wish: %s, %v", g.body, err)
	}
}

func TestTheControlPortShowsWhatThePodSees(t *testing.T) {
	w := newWorld(t).control()
	w.server.metrics.Load(engine.Load{Running: 2, PagesUsed: 3, PagesFree: 5, UsageRatio: .375, DemandRatio: .9})
	g := w.do("GET", "/v1/observation", "")
	seen, err := control.DecodeObservation(strings.NewReader(g.body))
	if err != nil || seen.Model != "tiny" || !seen.Ready || seen.Draining || seen.Running != 2 || seen.KV.PagesFree != 5 || seen.KV.UsagePeakRatio != .9 || seen.ObservedAt.IsZero() {
		t.Errorf("got %s, %v", g.body, err)
	}
	if g := w.do("GET", "/debug/pprof/cmdline", ""); g.status != 200 {
		t.Errorf("pprof: %d", g.status)
	}
}

func TestTheControlPortRefusesUnknownRoutesInItsOwnShape(t *testing.T) {
	w := newWorld(t).control()
	for call, want := range map[[2]string]int{{"POST", "/v1/tuning"}: 405, {"GET", "/v1/nothing"}: 404} {
		g := w.do(call[0], call[1], "{}")
		if refusal, err := control.DecodeError(strings.NewReader(g.body)); err != nil || g.status != want || refusal.Message == "" {
			t.Errorf("%v: %d %s, %v", call, g.status, g.body, err)
		}
	}
}

func TestTheControlPortWaitsForTheEngine(t *testing.T) {
	w := newWorld(t).control()
	w.server.model.Store(nil)
	for _, call := range [][2]string{{"GET", "/v1/tuning"}, {"PUT", "/v1/tuning"}, {"GET", "/v1/observation"}} {
		if g := w.do(call[0], call[1], `{}`); g.status != 503 || !strings.Contains(g.body, `"code":"unavailable"`) {
			t.Errorf("%v: %d %s", call, g.status, g.body)
		}
	}
}

// mount imitates a kubelet's ConfigMap volume: cpu.json -> ..data/cpu.json, ..data -> a folder.
func mount(t *testing.T, dir, version string, content string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, version), 0o755))
	must(os.WriteFile(filepath.Join(dir, version, "cpu.json"), []byte(content), 0o644))
	must(os.Symlink(version, filepath.Join(dir, "..tmp")))
	must(os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	if _, err := os.Lstat(filepath.Join(dir, "cpu.json")); err != nil {
		must(os.Symlink(filepath.Join("..data", "cpu.json"), filepath.Join(dir, "cpu.json")))
	}
}

func tuningJSON(revision int64, permille int32) string {
	b, _ := json.Marshal(control.Tuning{UID: "u-1", Pool: "cpu", Epoch: 1, Revision: revision, TargetPermille: permille})
	return string(b)
}

func TestTheMountedFileSetsTheRetentionToo(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	file := &TuningFile{Path: filepath.Join(dir, "cpu.json")}
	for _, step := range []struct {
		name, version, content string
		want                   int32
	}{
		{"no file yet: the start value holds", "", "", 400},
		{"the first version is applied", "..v1", tuningJSON(1, 300), 300},
		{"nothing new changes nothing", "", "", 300},
		{"a swapped symlink is seen", "..v2", tuningJSON(2, 200), 200},
		{"a broken file keeps the last value", "..v3", `{"targetPermille":`, 200},
		{"a value under the floor keeps the last value", "..v4", tuningJSON(5, 5), 200},
		{"an endless file keeps the last value", "..v5", strings.Repeat("x", 1<<20), 200},
		{"a good file is applied again", "..v6", tuningJSON(6, 600), 600},
	} {
		if step.version != "" {
			mount(t, dir, step.version, step.content)
		}
		w.server.ApplyTuningFile(file)
		if got := w.engine.Applied().TargetPermille; got != step.want {
			t.Errorf("%s: applied %d, want %d", step.name, got, step.want)
		}
	}
}

func TestAFileThatCannotBeReadIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cpu.json")
	file := &TuningFile{Path: path}
	unreadable := func() { // a folder in its place
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unreadable()
	if _, _, err := file.Poll(control.Keyring{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("the first look: %v", err)
	}
	if _, _, err := file.Poll(control.Keyring{}); err != nil {
		t.Errorf("the second look tells again: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, changed, err := file.Poll(control.Keyring{}); changed || err != nil {
		t.Errorf("once it is gone: %v %v", changed, err)
	}
	unreadable()
	if _, _, err := file.Poll(control.Keyring{}); err == nil {
		t.Error("the same trouble after a time without it is news")
	}
}

func TestTheMountedFileIsReadAtEachTick(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	ticks := make(chan time.Time)
	go w.server.FollowTuningFile(t.Context(), &TuningFile{Path: filepath.Join(dir, "cpu.json")}, ticks)
	mount(t, dir, "..v1", tuningJSON(1, 300))
	ticks <- noon
	ticks <- noon // taken only when the first was worked off
	if got := w.engine.Applied().TargetPermille; got != 300 {
		t.Errorf("applied %d, want 300", got)
	}
}
