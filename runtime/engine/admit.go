package engine

import (
	"fmt"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/model"
)

// fill works on the prompt that is on its way, or takes the first waiting one: one chunk of it. It reports whether there was one.
func (e *Engine) fill() bool {
	if e.filling == nil && !e.admitNext() {
		return false
	}
	e.moved.note(e.opts.Clock())
	if e.filling == nil {
		return true // it has failed
	}
	err := e.contain("prefilling", e.advance)
	if err != nil {
		e.endFilling(failed(err))
	}
	if !e.ahead {
		e.landAll() // the device is done with it: the answer may have ended already
	}
	return true
}

// admitNext takes a request off the queue, if one can run now, and brings its prompt to the device.
func (e *Engine) admitNext() bool {
	if !e.resume() {
		return false
	}
	j, permille := e.takeFirst()
	if j == nil && e.blocked && e.shadow != nil {
		e.endShadow() // it holds pages that a request waits for
		j, permille = e.takeFirst()
	}
	if j == nil {
		return false
	}
	start := e.opts.Clock()
	j.usage.QueueSeconds = start.Sub(j.submitted).Seconds()
	j.usage.RetentionPermille = permille
	j.admitted = true
	e.risk(j)
	j.sequence, j.slot = e.pool.NewSequence(), e.takeSlot()
	e.filling = e.newFilling(j, permille)
	e.filling.start = start
	if err := e.contain("prefilling", e.begin); err != nil {
		e.endFilling(failed(err))
	}
	return true
}

func (e *Engine) takeSlot() int32 {
	last := len(e.slots) - 1
	slot := e.slots[last]
	e.slots = e.slots[:last]
	return slot
}

// begin promises the request's pages and encodes its pictures.
func (e *Engine) begin() (err error) {
	f := e.filling
	j := f.job
	if j.promise, err = e.ledger.Reserve(e.need(j, j.usage.RetentionPermille, answerRows(j.promised))); err != nil {
		return err
	}
	f.findPrefix()
	j.unpaid = j.prompt.Rows - f.reuse.rows
	e.wantShadow(f)
	var visual model.Visual
	if images := j.request.Images[f.reuse.pictures:]; len(images) > 0 {
		if visual, err = e.encode(images, j.pictures[f.reuse.pictures:]); err != nil {
			return fmt.Errorf("encoding %d pictures: %w", len(images), err)
		}
		defer visual.Release()
	}
	j.request.Images = nil // megabytes that nobody needs any more
	f.left = e.config.Layers * (j.prompt.Rows - f.reuse.rows)
	return e.model.Begin(f.rest(visual))
}

// advance prefills a chunk. With the end of the prompt its request joins the running ones, and its first token is in flight.
func (e *Engine) advance() error {
	f, chunk := e.filling, e.opts.PrefillChunk*e.config.Layers
	for budget := chunk; budget > 0; {
		end, left, err := e.model.Advance(chunk) // a layer is cut only where it alone is more than a chunk
		if err != nil {
			return err
		}
		budget -= f.left - left
		if f.left = left; left == 0 {
			return e.endPrompt(f, end)
		}
	}
	return nil
}

func (e *Engine) endPrompt(f *filling, end model.Step) error {
	j := f.job
	j.sequence.Advance(j.span - j.sequence.Position)
	f.endReading()
	flight := e.newFlight()
	flight.step, flight.jobs, flight.filled = end, append(flight.jobs, j), f
	if f.device {
		var err error
		if flight.ticket, err = e.compress(j); err != nil {
			return err
		}
		j.pending = 1
		e.filling, e.flights = nil, append(e.flights, flight) // it joins the running ones when the host knows what is kept
		return nil
	}
	j.usage.CompressSeconds = f.scoring.Seconds()
	plan := f.plan()
	if f.shadow != nil {
		if err := e.split(f, plan); err != nil {
			return err
		}
	}
	f.report = e.settle(j, plan)
	if f.talk != nil {
		f.talk.describe(&j.usage)
		f.report.Usage = j.usage
	}
	j.pending = 1
	e.filling, e.running = nil, append(e.running, j)
	e.flights = append(e.flights, flight)
	return nil
}

// endFilling gives up the prompt that is on its way.
func (e *Engine) endFilling(end ending) {
	f := e.filling
	e.filling = nil
	f.endReading()
	f.publish(false)
	if f.shadow != nil && e.shadow == nil {
		f.shadow.Release()
	}
	e.finish(f.job, end)
}

// settle shrinks the promise to what is kept and the answer, and reports.
func (e *Engine) settle(j *job, plan compress.Plan) Prefill {
	j.promise.Shrink(e.shape.Remaining(j.sequence.RowsByLayer(), answerRows(j.promised)))
	full, kept := e.shape.Bytes(e.config.Layers*e.shape.PagesFor(j.prompt.Rows)), e.shape.Bytes(j.sequence.Pages())
	j.usage.KVBytesFull, j.usage.KVBytesKept = full, kept
	j.usage.describe(plan, len(j.prompt.Visual))
	return Prefill{Usage: j.usage, LayerBudgets: plan.Budgets, EliteRows: plan.Elite, TextTokens: j.prompt.Rows - len(j.prompt.Visual),
		BytesFreed: full - kept, MinRecallApplied: plan.Applied.Min}
}

// describe tells what a plan kept.
func (u *Usage) describe(plan compress.Plan, visual int) {
	u.KVTokensKept, u.Recall, u.KeptWhole = float64(visual), 1, plan.Whole
	if !plan.Scored() {
		return
	}
	u.KVTokensKept, u.Elite, u.Recall = mean(plan.Budgets), int(mean(plan.Elite)+.5), plan.Applied.Mean
	u.RecallCurve = make(map[int]float64, len(plan.Curve))
	for _, point := range plan.Curve {
		u.RecallCurve[point.Permille*100/compress.Everything] = point.Mean
	}
}

func mean(values []int) float64 {
	sum := 0
	for _, v := range values {
		sum += v
	}
	return float64(sum) / float64(max(1, len(values)))
}
