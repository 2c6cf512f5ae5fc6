package engine

import (
	"fmt"
	"math"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// Compressor is a Model whose device compacts a whole prompt by itself, if it knows the policy's options. The engine then runs no
// cascade: a prompt is whole in all layers until its end, what stays is copied to fresh pages, and the host is told a step
// later how much that is. Where a prompt fits through the cascade alone it takes that.
type Compressor interface {
	Compresses(o compress.Options) bool
	Compress(c model.Compaction) (backend.Ticket, error)
}

// deviceOf is m as a Compressor, if its device does what the policy wants.
func deviceOf(m Model, policy compress.Policy) (Compressor, compress.AirCache) {
	c, can := m.(Compressor)
	airCache, wanted := policy.(compress.AirCache)
	if !can || !wanted || !c.Compresses(airCache.Options) {
		return nil, compress.AirCache{}
	}
	return c, airCache
}

// copied is what a request needs where the device compacts it, and whether that is possible.
func (e *Engine) copied(j *job, d kv.Demand) (kv.Demand, bool) {
	if e.device == nil || j.whole != "" {
		return d, false
	}
	d.Copied = true
	return d, e.shape.Admission(d) <= e.shape.Pages
}

// compress lets the device compact the prompt that has ended, into a copy.
func (e *Engine) compress(j *job) (backend.Ticket, error) {
	j.copy = e.pool.NewSequence()
	c := model.Compaction{Options: e.airCache.Options, Permille: j.usage.RetentionPermille, Prompt: j.prompt, Sources: appendLayers(nil, j.sequence)}
	if c.Permille < compress.Everything {
		var err error
		if c.Pages, err = j.copy.Spare(e.shape.Fresh(e.demand(j, c.Permille, 0))); err != nil {
			return nil, err
		}
	}
	return e.device.Compress(c)
}

// adopt takes over what the device kept. The whole prompt's pages are free, or a shadow's.
func (e *Engine) adopt(f *flight) error {
	j := f.jobs[0]
	result, err := f.ticket.Result()
	if err != nil {
		return fmt.Errorf("compressing the prompt: %w", err)
	}
	if err := e.usable(j, result); err != nil {
		return fmt.Errorf("compressing the prompt: %w", err) // a wrong eviction cannot be undone
	}
	whole, kept := j.sequence, j.copy
	if result.Kept == nil {
		j.copy = nil
		if err := kept.Release(); err != nil {
			return err
		}
	} else {
		rows := make([]int, len(result.Kept))
		for l, n := range result.Kept {
			rows[l] = j.prompt.Rows - len(j.prompt.Visual) + n
		}
		if err := kept.Adopt(rows); err != nil {
			return err
		}
		kept.Position = whole.Position
		j.sequence, j.copy = kept, nil
		if promise := f.filled.shadow; promise != nil {
			if err := e.shade(f.filled, whole, promise, func(q compress.Quota) compress.Plan {
				return planOf(e.airCache, j.prompt, q, backend.Compressed{Scores: result.Scores, Elite: result.Elite})
			}); err != nil {
				return err
			}
		} else if err := whole.Release(); err != nil {
			return err
		}
	}
	report := e.settle(j, compress.Plan{})
	if result.Kept != nil {
		j.usage.KVTokensKept, j.usage.Elite, j.usage.Recall = mean(result.Kept), int(mean(result.Elite)+.5), 0
	}
	e.tellLater(j, result, report)
	return nil
}

// usable checks a result's sizes, so that nothing later can trip over them, and its scores.
func (e *Engine) usable(j *job, r backend.Compressed) error {
	layers, shown := e.config.Layers, len(j.prompt.Shown())
	if len(r.Elite) != layers || len(r.Scores) == 0 || len(r.Scores)%(layers*shown) != 0 || r.Kept != nil && len(r.Kept) != layers {
		return fmt.Errorf("the device tells %d budgets, %d windows and %d scores of %d rows in %d layers", len(r.Kept), len(r.Elite), len(r.Scores), shown, layers)
	}
	for l, n := range r.Kept {
		if n < 0 || n > len(j.prompt.Visual) {
			return fmt.Errorf("the device kept %d of %d rows in layer %d", n, len(j.prompt.Visual), l)
		}
	}
	for i, x := range r.Scores {
		if !(x >= 0) || math.IsInf(float64(x), 1) {
			return fmt.Errorf("score %d is %v: %w", i, x, compress.ErrScores)
		}
	}
	return nil
}

// tellLater works the recall curve out beside the engine: sorting 28 layers of 8,192 rows takes longer than some decode steps.
func (e *Engine) tellLater(j *job, result backend.Compressed, report Prefill) {
	j.telling = make(chan compress.Plan, 1)
	j.report = report
	policy, p, q := e.airCache, j.prompt, e.quota(j, j.usage.RetentionPermille)
	go func() { j.telling <- planOf(policy, p, q, result) }()
}

// planOf is the plan that a device has carried out.
func planOf(policy compress.AirCache, p compress.Prompt, q compress.Quota, result backend.Compressed) compress.Plan {
	n := len(result.Scores) / q.Layers
	rankings := make([]compress.Ranking, q.Layers)
	for l := range rankings {
		r, err := policy.RankJudged(p, result.Scores[l*n:(l+1)*n], result.Elite[l])
		if err != nil {
			return compress.WholePlan(q.Permille, err.Error())
		}
		rankings[l] = r
	}
	plan := compress.Decide(policy, rankings, q)
	if result.Kept != nil {
		plan.Budgets = result.Kept
	}
	return plan
}

// tell reports a prompt whose plan is worked out, or waits for it.
func (e *Engine) tell(j *job, wait bool) {
	if j.telling == nil {
		return
	}
	var plan compress.Plan
	if wait {
		plan = <-j.telling
	} else {
		select {
		case plan = <-j.telling:
		default:
			return
		}
	}
	j.telling = nil
	j.usage.describe(plan, len(j.prompt.Visual))
	report := j.report
	report.Usage, report.LayerBudgets, report.EliteRows, report.MinRecallApplied = j.usage, plan.Budgets, plan.Elite, plan.Applied.Min
	e.opts.Recorder.Prefilled(report)
}

// giveUp frees what a failed compression holds.
func (e *Engine) giveUp(j *job) error {
	if j.copy == nil {
		return nil
	}
	copied := j.copy
	j.copy = nil
	return copied.Release()
}
