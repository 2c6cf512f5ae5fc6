package server

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// While the engine does nothing for its requests the server is not ready, counts that once and says so; then it is ready again.
func TestAStalledEngineTakesReadinessAway(t *testing.T) {
	var still atomic.Int64
	w := newWorld(t, func(_ *Options, m *Model) { m.Stalled = func() time.Duration { return time.Duration(still.Load()) } })
	ticks := make(chan time.Time)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.server.Watch(ctx, ticks, time.Minute); close(done) }()
	look := func(after time.Duration) {
		still.Store(int64(after))
		for range 2 { // the second is taken when the first was looked at
			ticks <- time.Time{}
		}
	}
	for _, c := range []struct {
		after  time.Duration
		status int
		stalls float64
	}{{0, 200, 0}, {59 * time.Second, 200, 0}, {time.Minute, 503, 1}, {2 * time.Minute, 503, 1}, {0, 200, 1}, {time.Hour, 503, 2}} {
		look(c.after)
		if g := w.do("GET", "/readyz", ""); g.status != c.status {
			t.Errorf("after %v without progress: /readyz %d %s", c.after, g.status, g.body)
		}
		if g := w.do("GET", "/livez", ""); g.status != 200 {
			t.Errorf("/livez: %d", g.status)
		}
		if got := w.scrape()["aircache_engine_stalls_total"]; got != c.stalls {
			t.Errorf("after %v: %v stalls, want %v", c.after, got, c.stalls)
		}
	}
	if g := w.ask(""); g.status != 503 || g.err(t).Code != "stalled" || g.header.Get("Retry-After") == "" {
		t.Errorf("a request to a stalled server: %d %s", g.status, g.body)
	}
	if got := w.scrape()["aircache_engine_stalled_seconds"]; got != 3600 {
		t.Errorf("stalled for %v s", got)
	}
	stop()
	<-done
	if log := w.log.String(); strings.Count(log, "does nothing for its requests") != 2 || !strings.Contains(log, "works again") {
		t.Errorf("the log says %s", log)
	}
}
