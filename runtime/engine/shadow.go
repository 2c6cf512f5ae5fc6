package engine

import (
	"fmt"
	"slices"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
)

// shadowSteps is how long a shadow follows its request.
const shadowSteps = 16

// compared is how many rows a shadow adds to a step: the whole cache's, and the other arm's while a value is on trial.
const compared = 2

// shadow is the whole cache of a request that is served from a compressed one. For some steps it is fed the same tokens, and
// what it would say next is compared: the truth that recall only estimates. It costs one more row in these decode steps and
// the whole prompt's pages. While a value is on trial, the cache that the other arm's retention would have left of the same
// prompt reads along, one row more: the two values are compared at the same words of the same request. There is one shadow at
// most, and it gives way to any request that waits for pages.
type shadow struct {
	job      *job
	sequence *kv.Sequence
	other    *kv.Sequence // nil: nothing is paired, or the other arm keeps the whole cache
	promise  *kv.Promise
	result   Agreement
}

// Agreement is what a shadow found.
type Agreement struct {
	RetentionPermille int
	Canary            bool    // the retention is the one on trial
	Steps             int     // compared
	Agreed            int     // steps at which both caches put the same token first
	KL                float64 // nats: mean divergence of the compressed cache's distribution from the whole cache's
	Other             *Paired // the other arm's cache at the same steps; nil: none was on trial, or there was no room for it
}

// Paired is what the cache of the arm that a request was not in would have said after the same words.
type Paired struct {
	RetentionPermille int
	Agreed            int
	KL                float64
}

// AgreementRecorder is a Recorder that also wants to know how compressed caches agree with whole ones.
type AgreementRecorder interface {
	Agreed(Agreement)
}

// wantShadow draws whether a request gets a shadow, and promises its pages. One with the value on trial always wants it: few
// have it, and they are the evidence.
func (e *Engine) wantShadow(f *filling) {
	j := f.job
	if e.opts.ShadowPermille == 0 || e.shadow != nil || j.whole != "" || j.usage.RetentionPermille >= compress.Everything || j.maxTokens < 2 {
		return
	}
	if !j.usage.Canary && e.draw.IntN(compress.Everything) >= int(e.opts.ShadowPermille) {
		return
	}
	whole, pair := e.config.Layers*e.shape.PagesFor(j.prompt.Rows+shadowSteps), 0
	if j.other > 0 && j.other < compress.Everything {
		pair = e.shape.Fresh(e.demand(j, j.other, shadowSteps)) + e.config.Layers*e.shape.PagesFor(shadowSteps)
	}
	var err error
	if f.shadow, err = e.ledger.Reserve(whole + pair); err == nil {
		f.paired = j.other > 0
	} else if pair > 0 {
		f.shadow, err = e.ledger.Reserve(whole)
	}
	if err != nil {
		f.shadow = nil // requests come first
		return
	}
	if f.paired && pair > 0 && f.cascade != nil {
		f.other = compress.NewCascade(e.opts.Policy, e.quota(j, j.other))
	}
}

// split leaves a request's whole cache to its shadow, and gives it a copy of what the plan keeps.
func (e *Engine) split(f *filling, plan compress.Plan) error {
	j, whole := f.job, f.job.sequence
	j.sequence = e.pool.NewSequence()
	if err := e.shade(f, whole, f.shadow, func(compress.Quota) compress.Plan { return f.other.Plan() }); err != nil {
		return err
	}
	return copyKept(e.model, j.prompt, whole, j.sequence, plan)
}

// shade makes the shadow of a request whose prompt has ended, and fills the other arm's cache.
func (e *Engine) shade(f *filling, whole *kv.Sequence, promise *kv.Promise, planFor func(compress.Quota) compress.Plan) error {
	j := f.job
	e.shadow = &shadow{job: j, sequence: whole, promise: promise,
		result: Agreement{RetentionPermille: j.usage.RetentionPermille, Canary: j.usage.Canary}}
	if !f.paired {
		return nil
	}
	e.shadow.result.Other = &Paired{RetentionPermille: j.other}
	if j.other >= compress.Everything {
		return nil
	}
	plan := planFor(e.quota(j, j.other))
	e.shadow.other = e.pool.NewSequence()
	return copyKept(e.model, j.prompt, whole, e.shadow.other, plan)
}

// sequences are the shadow's rows in a step.
func (s *shadow) sequences() []*kv.Sequence {
	if s.other == nil {
		return []*kv.Sequence{s.sequence}
	}
	return []*kv.Sequence{s.sequence, s.other}
}

func (s *shadow) hasRoom() bool {
	for _, sequence := range s.sequences() {
		if sequence.Room(1) != nil {
			return false
		}
	}
	return true
}

// copyKept fills an empty sequence with the rows of another that a plan keeps.
func copyKept(m Scorer, p compress.Prompt, from, to *kv.Sequence, plan compress.Plan) error {
	to.Position = from.Position
	for layer, table := range from.Tables {
		rows := [][]int32{p.All()}
		if plan.Kept != nil {
			rows = rows[:0]
			for _, visual := range plan.Kept[layer] {
				rows = append(rows, p.Kept(visual))
			}
		}
		err := to.Fill(layer, len(rows[0]), func(pages []int32) error {
			return m.Keep(layer, backend.LayerKV{Pages: table.Pages, Len: p.Rows}, rows, pages)
		})
		if err != nil {
			return fmt.Errorf("copying what is kept: %w", err)
		}
	}
	return nil
}

// compareShadow looks at a step's logits: those of the shadow's request, and its own behind those of all requests.
func (e *Engine) compareShadow(f *flight) error {
	s := e.shadow
	if s == nil || f.shadow != s {
		return nil
	}
	at := slices.Index(f.jobs, s.job)
	if at < 0 {
		return nil
	}
	rows := []int{at, len(f.jobs)}
	if s.other != nil {
		rows = append(rows, len(f.jobs)+1)
	}
	logits, err := e.model.Logits(f.step, rows...)
	if err != nil {
		return err
	}
	served, whole := logits[0], logits[1]
	if best(whole) == best(served) {
		s.result.Agreed++
	}
	s.result.KL += divergence(whole, served)
	if other := s.result.Other; s.other != nil {
		if best(whole) == best(logits[2]) {
			other.Agreed++
		}
		other.KL += divergence(whole, logits[2])
	} else if other != nil {
		other.Agreed++ // it keeps everything
	}
	if s.result.Steps++; s.result.Steps == shadowSteps {
		e.endShadow()
	}
	return nil
}

// endShadow reports what the shadow has found so far, and frees its pages.
func (e *Engine) endShadow() {
	s := e.shadow
	e.shadow = nil
	for _, sequence := range s.sequences() {
		if err := sequence.Release(); err != nil {
			e.opts.Log.Error("releasing a shadow's pages failed", "request", s.job.handle.id, "reason", err)
		}
	}
	s.promise.Release()
	if s.result.Steps == 0 || !e.isOfPresentTrial(&s.result) {
		return
	}
	s.result.KL /= float64(s.result.Steps)
	if s.result.Other != nil {
		s.result.Other.KL /= float64(s.result.Steps)
	}
	if r, ok := e.opts.Recorder.(AgreementRecorder); ok {
		r.Agreed(s.result)
	}
}

// shadowPages are used and promised, but given up as soon as a request needs them: they are no load.
func (e *Engine) shadowPages() (used, promised int) {
	if e.shadow == nil {
		return 0, 0
	}
	for _, sequence := range e.shadow.sequences() {
		used += sequence.Pages()
	}
	return used, e.shadow.promise.Pages()
}
