package engine

import "slices"

// crash throws a step away that failed on the device, and those launched after it, and repeats them sequence by sequence. Rows that
// they wrote lie behind the sequences' ends and are written again.
func (e *Engine) crash(f *flight, cause error) {
	if e.lost != nil {
		return // nothing can be repeated
	}
	e.opts.Log.Error("a decode step failed; its sequences are decoded one by one", "sequences", len(f.jobs), "reason", cause)
	later := slices.Clone(e.flights)
	e.flights = e.flights[:0]
	for _, l := range slices.Backward(later) {
		e.undo(l)
	}
	e.undo(f)
	for _, l := range later {
		if l.filled != nil {
			e.landPrompt(l)
		}
	}
	e.landed = append(e.landed, later...)
	e.decodeAlone()
}

func (e *Engine) undo(f *flight) {
	if f.filled != nil {
		return // its token may be well
	}
	for _, j := range f.jobs {
		if !j.ended {
			j.sequence.Rewind(1)
			j.pending--
			j.keepDraw()
		}
	}
}

// decodeAlone takes one step with each sequence by itself, so that only the guilty one ends.
func (e *Engine) decodeAlone() {
	if e.shadow != nil {
		e.endShadow()
	}
	e.extendPromises()
	e.endRunning(func(j *job) ending {
		if !j.hasMore() {
			return ending{}
		}
		if err := j.sequence.Room(1); err != nil { // it may have joined after the step that failed was formed
			return failed(err)
		}
		f := e.newFlight()
		f.jobs = append(f.jobs, j)
		defer func() { e.landed = append(e.landed, f) }()
		if err := e.takeOff(f); err != nil {
			return failed(err)
		}
		e.flights = e.flights[:len(e.flights)-1]
		choices, err := e.read(f)
		if err != nil {
			return failed(err)
		}
		return e.deliver(j, choices[0], e.opts.Clock())
	})
}
