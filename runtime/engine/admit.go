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
	if j == nil {
		return false
	}
	e.filling = 1
	defer func() { e.filling = 0 }()
	var first sampling.Choice
	err := e.contain("prefilling", func() (err error) {
		first, err = e.prefill(j, int(permille))
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

// prefill does all of a request's work up to its first token, which needs the prompt's full cache.
func (e *Engine) prefill(j *job, permille int) (first sampling.Choice, err error) {
	start := e.opts.Clock()
	j.usage.QueueSeconds = start.Sub(j.submitted).Seconds()
	j.usage.RetentionPermille = permille
	if j.promise, err = e.ledger.Reserve(j.need); err != nil {
		return first, err
	}
	j.sequence = e.pool.NewSequence()
	logits, observed, err := e.runPrompt(j)
	if observed != nil {
		defer observed.Release()
	}
	if err != nil {
		return first, err
	}
	if first, err = j.sampler.Next(logits); err != nil {
		return first, fmt.Errorf("choosing the first token: %w", err)
	}
	prefilled := e.opts.Clock()
	j.usage.PrefillSeconds = prefilled.Sub(start).Seconds()

	report, err := e.compress(j, observed, permille)
	if err != nil {
		return first, err
	}
	j.usage.CompressSeconds = e.opts.Clock().Sub(prefilled).Seconds()
	report.Usage = j.usage
	e.opts.Recorder.Prefilled(report)
	return first, nil
}

func (e *Engine) runPrompt(j *job) ([]float32, *model.Observed, error) {
	var visual model.Visual
	if len(j.request.Images) > 0 {
		var err error
		if visual, err = e.model.EncodeImages(j.request.Images); err != nil {
			return nil, nil, fmt.Errorf("encoding %d pictures: %w", len(j.request.Images), err)
		}
		defer visual.Release()
	}
	rows := len(j.request.Tokens)
	if err := j.sequence.Room(rows); err != nil {
		return nil, nil, err
	}
	e.publish() // the transient of the whole prompt is the pool's true peak
	logits, observed, err := e.model.Prefill(j.request.Tokens, visual, viewOf(j.sequence), j.observe)
	if err != nil {
		return nil, observed, err
	}
	j.sequence.Wrote(rows)
	j.request.Images = nil // megabytes that nobody needs any more
	return logits, observed, nil
}

// compress asks the policy what to keep, compacts each layer to it, and shrinks the promise.
func (e *Engine) compress(j *job, observed *model.Observed, permille int) (Prefill, error) {
	plan, err := e.opts.Policy.Decide(j.prompt, e.config.Layers, permille, scorer{e.model, observed, j.prompt.Visual})
	if err != nil {
		return Prefill{}, err
	}
	full := e.shape.Bytes(j.sequence.Pages())
	for layer, kept := range plan.Kept {
		if len(kept) == len(j.prompt.Visual) {
			continue
		}
		err := j.sequence.Compact(layer, j.prompt.Kept(kept), func(src kv.Table, rows, dst []int32) error {
			return e.model.Keep(layer, backend.LayerKV{Pages: src.Pages, Len: src.Rows}, rows, dst)
		})
		if err != nil {
			return Prefill{}, err
		}
	}
	j.promise.Shrink(e.shape.Remaining(j.sequence.RowsByLayer(), answerRows(j.maxTokens)))
	kept := e.shape.Bytes(j.sequence.Pages())
	j.usage.KVBytesFull, j.usage.KVBytesKept = full, kept
	j.usage.describe(plan, len(j.prompt.Visual))
	return Prefill{LayerBudgets: plan.Budgets, EliteRows: plan.Elite, TextTokens: j.prompt.Rows - len(j.prompt.Visual),
		BytesFreed: full - kept, MinRecallApplied: plan.Applied.Min}, nil
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

// scorer lets a policy ask the model about one prefilled prompt.
type scorer struct {
	model    Scorer
	observed *model.Observed
	visual   []int32
}

func (s scorer) Relevance(layer int) ([]float32, error) {
	return s.model.TextRelevance(s.observed, layer)
}

func (s scorer) Importance(layer int, elite []int) ([]float32, error) {
	return s.model.Importance(s.observed, layer, s.visual, elite)
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
