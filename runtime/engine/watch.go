package engine

import (
	"sync/atomic"
	"time"
)

// motion is when the engine last did something for a request, in nanoseconds of its clock. Any goroutine reads it.
type motion struct{ at atomic.Int64 }

func (m *motion) note(now time.Time) { m.at.Store(now.UnixNano()) }

// Stalled is for how long nothing was done for any request although there are some: nothing admitted, no chunk of a prompt, no step, no
// end. 0: there is none, or there is progress. Neither a queue that waits for memory nor a long prompt stalls the engine, for answers go
// on meanwhile and chunks end; so a long time says that the device hangs, or that the scheduler is wrong. Any goroutine may ask.
func (e *Engine) Stalled() time.Duration {
	e.mu.Lock()
	open := e.open
	e.mu.Unlock()
	if open == 0 {
		return 0
	}
	return max(0, e.opts.Clock().Sub(time.Unix(0, e.moved.at.Load())))
}
