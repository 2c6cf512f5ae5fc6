package server

import (
	"context"
	"fmt"
	"time"
)

// WatchPeriod is how often a watchdog looks.
const WatchPeriod = 2 * time.Second

// Watch takes readiness away while the engine has requests and has done nothing for them for so long: its device hangs, or its
// scheduler is wrong. /readyz and new requests are then answered 503 with code stalled, so that a Service sends clients elsewhere;
// /livez stays, for a restart would lose what may still come. When the engine moves again readiness comes back. It returns when
// ctx ends.
func (s *Server) Watch(ctx context.Context, ticks <-chan time.Time, limit time.Duration) {
	stalled := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			stalled = s.look(limit, stalled)
		}
	}
}

func (s *Server) look(limit time.Duration, before bool) bool {
	m := s.model.Load()
	if m == nil || m.Stalled == nil {
		return false
	}
	still := m.Stalled()
	stalled := still >= limit
	switch {
	case stalled && !before:
		seen := s.metrics.totals.read()
		s.log.Error("the engine does nothing for its requests; the server is not ready until it does", "for", still.Round(time.Second).String(), "running", seen.Running, "waiting", seen.Waiting)
		s.metrics.stalls.Inc()
	case before && !stalled:
		s.log.Info("the engine works again; the server is ready")
	}
	s.metrics.stalledSeconds.Set(0)
	reason := ""
	if stalled {
		s.metrics.stalledSeconds.Set(still.Seconds())
		reason = fmt.Sprintf("its engine has done nothing for its requests for %v", still.Round(time.Second))
	}
	s.state.Stalled(reason)
	return stalled
}
