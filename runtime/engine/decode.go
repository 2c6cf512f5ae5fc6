package engine

import (
	"slices"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/sampling"
)

// decode launches the next step of the running answers and reads the one before it: while the device works on a step, the host
// sends the tokens of the last one and forms the next. Where the host must see a step before the next one can be formed, it
// waits.
func (e *Engine) decode() {
	left := 0
	if f := e.launch(); f != nil && e.ahead && f.shadow == nil && !f.penalised() {
		left = 1
	}
	for len(e.flights) > left {
		e.land()
	}
}

// penalised reports whether a choice of the step is the host's.
func (f *flight) penalised() bool { return anyPenalised(f.jobs) }

func anyPenalised(jobs []*job) bool {
	for _, j := range jobs {
		if j.sampler.Penalised() {
			return true
		}
	}
	return false
}

// launch forms a step of all answers that have a token to come; nil: there is none, or it failed.
func (e *Engine) launch() *flight {
	if anyPenalised(e.running) {
		e.landAll() // the host is the one who knows what to feed
	}
	e.endRunning(func(j *job) ending {
		if !j.hasMore() {
			return ending{}
		}
		if err := j.sequence.Room(1); err != nil { // promised at admission: only a bug comes here
			return failed(err)
		}
		return ending{}
	})
	if e.shadow != nil && e.shadow.sequence.Room(1) != nil {
		e.endShadow()
	}
	f := e.newFlight()
	for _, j := range e.running {
		if j.hasMore() {
			f.jobs = append(f.jobs, j)
		}
	}
	if len(f.jobs) == 0 {
		e.landed = append(e.landed, f)
		return nil
	}
	f.shadow = e.shadow
	if err := e.takeOff(f); err != nil {
		e.landed = append(e.landed, f)
		if e.lost != nil {
			return nil
		}
		e.landAll() // what was launched before may be well
		e.opts.Log.Error("a decode step failed; its sequences are decoded one by one", "sequences", len(f.jobs), "reason", err)
		e.decodeAlone()
		return nil
	}
	return f
}

// takeOff launches a step and counts its rows as written. After an error nothing has changed.
func (e *Engine) takeOff(f *flight) error {
	f.start = e.opts.Clock()
	e.fillBatch(f)
	err := e.contain("decoding", func() (err error) {
		f.step, err = e.model.Launch(e.batch)
		return err
	})
	if err != nil {
		for _, j := range f.jobs {
			j.keepDraw()
		}
		return err
	}
	for _, j := range f.jobs {
		f.rows += j.sequence.Rows()
		j.sequence.Wrote(1)
		j.pending++
	}
	if f.shadow != nil {
		f.shadow.sequence.Wrote(1)
	}
	e.flights = append(e.flights, f)
	return nil
}

// fillBatch lists a flight's rows. The views are built in one reused array.
func (e *Engine) fillBatch(f *flight) {
	e.views, e.batch = e.views[:0], e.batch[:0]
	for _, j := range f.jobs {
		e.views = appendLayers(e.views, j.sequence)
	}
	if f.shadow != nil {
		e.views = appendLayers(e.views, f.shadow.sequence)
	}
	for _, j := range f.jobs {
		e.addRow(model.Row{Token: j.feed(), Slot: j.slot, Draw: j.draw()}, j.sequence)
	}
	if f.shadow != nil {
		e.addRow(model.Row{Token: f.shadow.job.feed(), Slot: backend.NoSlot}, f.shadow.sequence)
	}
}

// addRow puts the next sequence of e.views into the batch.
func (e *Engine) addRow(row model.Row, s *kv.Sequence) {
	layers, i := e.config.Layers, len(e.batch)
	row.KV = backend.KVView{Position: s.Position, Version: s.Version, Layers: e.views[i*layers : (i+1)*layers]}
	e.batch = append(e.batch, row)
}

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
	e.endRunning(func(j *job) ending {
		if !j.hasMore() {
			return ending{}
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

// hasMore reports whether a further token may come, beside those in flight.
func (j *job) hasMore() bool { return j.usage.CompletionTokens+j.pending < j.maxTokens }

// feed is the token of the next row: the host's, or the one that the device is about to choose.
func (j *job) feed() int32 {
	if j.pending > 0 {
		return backend.Slot(j.slot)
	}
	return j.next
}

// draw is how the next token is chosen. The draws of tokens in flight are remembered: a step that fails is repeated with its own.
func (j *job) draw() (d sampling.Draw) {
	switch {
	case j.sampler.Penalised():
		return d // the host's choice
	case len(j.again) > 0:
		d = j.again[0]
		j.again = append(j.again[:0], j.again[1:]...)
	default:
		d = j.sampler.Draw()
	}
	j.drawn = append(j.drawn, d)
	return d
}

// keepDraw takes the draw of the last token in flight back.
func (j *job) keepDraw() {
	if last := len(j.drawn) - 1; last >= 0 {
		j.again = slices.Insert(j.again, 0, j.drawn[last])
		j.drawn = j.drawn[:last]
	}
}

// land counts a token in flight as read.
func (j *job) land() {
	j.pending--
	if len(j.drawn) > 0 {
		j.drawn = append(j.drawn[:0], j.drawn[1:]...)
	}
}
