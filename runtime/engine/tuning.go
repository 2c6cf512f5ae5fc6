package engine

import "aircache.dev/aircache/runtime/control"

// SetTuning puts a retention in force for the requests that are admitted from now on; running ones keep theirs. The error
// is a *control.Error. The same tuning again changes nothing and answers the same.
func (e *Engine) SetTuning(t control.Tuning) (control.Ack, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := t.Check(e.applied, e.opts.Bounds); err != nil {
		return control.Ack{}, err
	}
	if !t.Same(e.applied) {
		e.applied = t.Accepted(e.opts.Clock())
		e.opts.Recorder.Tuned(e.applied)
	}
	return e.applied, nil
}

// Applied is the tuning in force.
func (e *Engine) Applied() control.Ack {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.applied
}
