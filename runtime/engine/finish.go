package engine

import (
	"errors"
	"runtime/debug"

	"aircache.dev/aircache/runtime/backend"
)

// endRunning asks about every running job and ends those for which the answer is yes.
func (e *Engine) endRunning(ends func(*job) ending) {
	stay := e.running[:0]
	for _, j := range e.running {
		switch end := ends(j); {
		case end.reason == preempted:
		case end.yes():
			e.finish(j, end)
		default:
			stay = append(stay, j)
		}
	}
	clear(e.running[len(stay):])
	e.running = stay
}

// finish frees what a job holds and sends its last event. The job is in no list any more, or about to leave it.
func (e *Engine) finish(j *job, end ending) {
	j.unwatch()
	j.ended = true
	e.moved.note(e.opts.Clock())
	e.riskOver(j)
	e.tell(j, true)
	if err := e.giveUp(j); err != nil {
		e.opts.Log.Error("releasing a request's pages failed", "request", j.handle.id, "reason", err)
	}
	if j.sequence != nil {
		e.slots = append(e.slots, j.slot)
	}
	if e.shadow != nil && e.shadow.job == j {
		e.endShadow()
	}
	if j.sequence != nil && !e.leave(j, end) {
		if err := j.sequence.Release(); err != nil { // the books are wrong: say so loudly, serve on
			e.opts.Log.Error("releasing a request's pages failed", "request", j.handle.id, "reason", err)
		}
	}
	if j.promise != nil {
		j.promise.Release()
	}
	now := e.opts.Clock()
	ended := Finished{Reason: end.reason, Usage: j.usage, TotalSeconds: now.Sub(j.submitted).Seconds()}
	if !j.firstToken.IsZero() {
		ended.DecodeSeconds = now.Sub(j.firstToken).Seconds()
	}
	e.opts.Recorder.Finished(ended)
	e.logFailure(j, end.cause)
	j.handle.events <- Event{Finish: end.reason, Err: end.cause, Usage: j.usageNow()}
	close(j.handle.events)
	e.closeOne(j)
}

func (e *Engine) logFailure(j *job, cause error) {
	if cause == nil || errors.Is(cause, ErrQueueFull) {
		return
	}
	var p *panicError
	if errors.As(cause, &p) {
		e.opts.Log.Error("a request failed", "request", j.handle.id, "reason", cause, "stack", string(p.stack))
		return
	}
	e.opts.Log.Error("a request failed", "request", j.handle.id, "reason", cause)
}

// contain turns a panic into an error of the work that caused it, and notes when the device is lost.
func (e *Engine) contain(during string, work func() error) (err error) {
	defer func() {
		if errors.Is(err, backend.ErrDeviceLost) {
			e.lost = err
		}
	}()
	defer func() {
		if cause := recover(); cause != nil {
			e.opts.Recorder.Panicked()
			e.countPanic()
			err = &panicError{during: during, cause: cause, stack: debug.Stack()}
		}
	}()
	return work()
}

// endAll ends everything; nothing is taken afterwards. Steps in flight are nobody's any more.
func (e *Engine) endAll(how ending) {
	for _, f := range e.flights {
		if f.filled != nil {
			f.filled.publish(false)
		}
		if f.ticket != nil && !f.jobs[0].ended {
			e.finish(f.jobs[0], how) // on its way to the running ones
		}
	}
	e.flights = nil
	if e.filling != nil {
		e.endFilling(how)
	}
	for _, j := range e.takeAllWaiters() {
		e.finish(j, how)
	}
	e.endRunning(func(*job) ending { return how })
	e.endSwapped(func(*job) ending { return how })
	e.publish()
}

func (e *Engine) takeAllWaiters() []*job {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.draining = true
	return e.queue.take(func(*job) bool { return true })
}
