package engine

import (
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
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
	e.extendPromises()
	e.endRunning(func(j *job) ending {
		if !j.hasMore() {
			return ending{}
		}
		if err := j.sequence.Room(1); err != nil { // promised at admission: only a bug comes here
			return failed(err)
		}
		return ending{}
	})
	if e.shadow != nil && !e.shadow.hasRoom() {
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
		for _, s := range f.shadow.sequences() {
			s.Wrote(1)
		}
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
		for _, s := range f.shadow.sequences() {
			e.views = appendLayers(e.views, s)
		}
	}
	for _, j := range f.jobs {
		e.addRow(model.Row{Token: j.feed(), Slot: j.slot, Draw: j.draw()}, j.sequence)
	}
	if f.shadow != nil {
		for _, s := range f.shadow.sequences() {
			e.addRow(model.Row{Token: f.shadow.job.feed(), Slot: backend.NoSlot}, s)
		}
	}
}

// addRow puts the next sequence of e.views into the batch.
func (e *Engine) addRow(row model.Row, s *kv.Sequence) {
	layers, i := e.config.Layers, len(e.batch)
	row.KV = backend.KVView{Position: s.Position, Version: s.Version, Layers: e.views[i*layers : (i+1)*layers]}
	e.batch = append(e.batch, row)
}
