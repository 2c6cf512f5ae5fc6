package engine

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/sampling"
)

// admitNext brings the first waiting request into the running batch, and reports whether it took one off the queue.
func (e *Engine) admitNext() bool {
	j, permille := e.takeFirst()
	if j == nil && e.blocked && e.shadow != nil {
		e.endShadow() // it holds pages that a request waits for
		j, permille = e.takeFirst()
	}
	if j == nil {
		return false
	}
	e.filling = 1
	defer func() { e.filling = 0 }()
	var first sampling.Choice
	err := e.contain("prefilling", func() (err error) {
		first, err = e.prefill(j, permille)
		return err
	})
	if err != nil {
		e.finish(j, failed(err))
		return true
	}
	if end := e.deliver(j, first, e.opts.Clock()); end.yes() {
		e.finish(j, end)
		return true
	}
	e.running = append(e.running, j)
	return true
}

// prefill does all of a request's work up to its first token, which comes from the whole prompt.
func (e *Engine) prefill(j *job, permille int) (first sampling.Choice, err error) {
	start := e.opts.Clock()
	j.usage.QueueSeconds = start.Sub(j.submitted).Seconds()
	j.usage.RetentionPermille = permille
	if j.promise, err = e.ledger.Reserve(e.need(j, permille, answerRows(j.maxTokens))); err != nil {
		return first, err
	}
	j.sequence = e.pool.NewSequence()
	f := e.newFilling(j, permille)
	f.shadow = e.wantsShadow(j, permille)
	defer func() {
		if f.shadow != nil && e.shadow == nil { // the prefill failed
			f.shadow.Release()
		}
	}()
	logits, err := e.runPrompt(j, f)
	if err != nil {
		return first, err
	}
	if first, err = j.sampler.Next(logits); err != nil {
		return first, fmt.Errorf("choosing the first token: %w", err)
	}
	j.usage.CompressSeconds = f.scoring.Seconds()
	j.usage.PrefillSeconds = (e.opts.Clock().Sub(start) - f.scoring).Seconds()
	plan := f.plan()
	if f.shadow != nil {
		if err := e.split(j, f.shadow, plan); err != nil {
			return first, err
		}
	}
	e.opts.Recorder.Prefilled(e.settle(j, plan))
	return first, nil
}

func (e *Engine) runPrompt(j *job, f *filling) ([]float32, error) {
	var visual model.Visual
	if len(j.request.Images) > 0 {
		var err error
		if visual, err = e.model.EncodeImages(j.request.Images); err != nil {
			return nil, fmt.Errorf("encoding %d pictures: %w", len(j.request.Images), err)
		}
		defer visual.Release()
	}
	logits, err := e.model.Prefill(j.request.Tokens, visual, f.view, j.observe, f)
	if err != nil {
		return nil, err
	}
	j.sequence.Advance(j.prompt.Rows)
	j.request.Images = nil // megabytes that nobody needs any more
	return logits, nil
}

// settle shrinks the promise to what is kept and the answer, and reports.
func (e *Engine) settle(j *job, plan compress.Plan) Prefill {
	j.promise.Shrink(e.shape.Remaining(j.sequence.RowsByLayer(), answerRows(j.maxTokens)))
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

// viewOf shows a sequence to the model.
func viewOf(s *kv.Sequence) backend.KVView {
	return backend.KVView{Position: s.Position, Layers: appendLayers(nil, s)}
}

func appendLayers(to []backend.LayerKV, s *kv.Sequence) []backend.LayerKV {
	for _, t := range s.Tables {
		to = append(to, backend.LayerKV{Pages: t.Pages, Len: t.Rows})
	}
	return to
}
