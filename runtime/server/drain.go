package server

import (
	"context"
	"fmt"
)

// Drain turns readiness off and new requests away, and returns when the running
// ones have ended, or when ctx does: those that are left are then given up.
// The ports stay open meanwhile: a client that still arrives is told to go elsewhere.
func (s *Server) Drain(ctx context.Context) error {
	s.state.Drain()
	m := s.model.Load()
	if m == nil {
		return nil
	}
	seen := s.metrics.totals.read()
	s.log.Info("draining", "running", seen.Running, "waiting", seen.Waiting)
	if err := m.Engine.Drain(ctx); err != nil {
		return fmt.Errorf("draining the engine: %w", err)
	}
	return nil
}
