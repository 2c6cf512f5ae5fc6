package engine

import (
	"context"
	"fmt"
)

// Drain takes no more requests and returns when all have ended, the waiting ones too. If ctx ends first, the rest are left
// running, and the error says how many: end Run's context to abort them.
func (e *Engine) Drain(ctx context.Context) error {
	done := e.closeDoor()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.open == 0 {
			return nil
		}
		return fmt.Errorf("draining the engine: %d requests have not ended: %w", e.open, ctx.Err())
	}
}

func (e *Engine) closeDoor() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.draining = true
	done := make(chan struct{})
	if e.open == 0 {
		close(done)
	} else {
		e.quiet = append(e.quiet, done)
	}
	return done
}

// closeOne counts a request that has ended.
func (e *Engine) closeOne(j *job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	j.left()
	e.open--
	if e.open > 0 || !e.draining {
		return
	}
	for _, done := range e.quiet {
		close(done)
	}
	e.quiet = nil
}
