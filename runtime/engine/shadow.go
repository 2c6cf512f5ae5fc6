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

// shadow is the whole cache of a request that is served from a compressed one. For some steps it is fed the same tokens, and
// what it would say next is compared: the truth that recall only estimates. It costs one more row in these decode steps and
// the whole prompt's pages. There is one at most, and it gives way to any request that waits for pages.
type shadow struct {
	job      *job
	sequence *kv.Sequence
	promise  *kv.Promise
	result   Agreement
}

// Agreement is what a shadow found.
type Agreement struct {
	RetentionPermille int
	Steps             int     // compared
	Agreed            int     // steps at which both caches put the same token first
	KL                float64 // nats: mean divergence of the compressed cache's distribution from the whole cache's
}

// AgreementRecorder is a Recorder that also wants to know how compressed caches agree with whole ones.
type AgreementRecorder interface {
	Agreed(Agreement)
}

// wantsShadow draws whether a request gets a shadow, and promises its pages; nil: it gets none.
func (e *Engine) wantsShadow(j *job, permille int) *kv.Promise {
	if e.opts.ShadowPermille == 0 || e.shadow != nil || j.whole != "" || permille >= compress.Everything || j.maxTokens < 2 {
		return nil
	}
	if e.draw.IntN(compress.Everything) >= int(e.opts.ShadowPermille) {
		return nil
	}
	promise, err := e.ledger.Reserve(e.config.Layers * e.shape.PagesFor(j.prompt.Rows+shadowSteps))
	if err != nil {
		return nil // requests come first
	}
	return promise
}

// split leaves a request's whole cache to its shadow, and gives it a copy of what the plan keeps.
func (e *Engine) split(j *job, promise *kv.Promise, plan compress.Plan) error {
	e.shadow = &shadow{job: j, sequence: j.sequence, promise: promise, result: Agreement{RetentionPermille: j.usage.RetentionPermille}}
	j.sequence = e.pool.NewSequence()
	return copyKept(e.model, j.prompt, e.shadow.sequence, j.sequence, plan)
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
	logits, err := e.model.Logits(f.step, at, len(f.jobs))
	if err != nil {
		return err
	}
	served, whole := logits[0], logits[1]
	if best(whole) == best(served) {
		s.result.Agreed++
	}
	s.result.KL += divergence(whole, served)
	if s.result.Steps++; s.result.Steps == shadowSteps {
		e.endShadow()
	}
	return nil
}

// endShadow reports what the shadow has found so far, and frees its pages.
func (e *Engine) endShadow() {
	s := e.shadow
	e.shadow = nil
	if err := s.sequence.Release(); err != nil {
		e.opts.Log.Error("releasing a shadow's pages failed", "request", s.job.handle.id, "reason", err)
	}
	s.promise.Release()
	if s.result.Steps == 0 {
		return
	}
	s.result.KL /= float64(s.result.Steps)
	if r, ok := e.opts.Recorder.(AgreementRecorder); ok {
		r.Agreed(s.result)
	}
}

// shadowPages are used and promised, but given up as soon as a request needs them: they are no load.
func (e *Engine) shadowPages() (used, promised int) {
	if e.shadow == nil {
		return 0, 0
	}
	return e.shadow.sequence.Pages(), e.shadow.promise.Pages()
}
