package server

import (
	"context"
	"fmt"
)

// Drain turns readiness off and new requests away, and returns when all that were
// let in have their answers, or when ctx ends: those that are left are then given up.
// The ports stay open meanwhile: a client that still arrives is told to go elsewhere.
func (s *Server) Drain(ctx context.Context) error {
	left := s.state.Drain()
	m := s.model.Load()
	if m == nil {
		return nil
	}
	seen := s.metrics.totals.read()
	s.log.Info("draining", "running", seen.Running, "waiting", seen.Waiting)
	select {
	case <-left: // before the engine closes its door: a request may still be preparing its pictures
	case <-ctx.Done():
	}
	if err := m.Engine.Drain(ctx); err != nil {
		return fmt.Errorf("draining the engine: %w", err)
	}
	return ctx.Err()
}
