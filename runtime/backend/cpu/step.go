package cpu

import (
	"math"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/sampling"
)

// batch is a staged step: the caller's own list, because every op is complete on return.
type batch struct {
	sequences []backend.Sequence
	rows      int
	sampled   bool
	choices   []sampling.Choice
}

func (b *batch) Rows() int { return b.rows }

func sequences(b backend.Batch) []backend.Sequence { return b.(*batch).sequences }

func (b *Backend) Stage(s []backend.Sequence) (backend.Batch, error) {
	if b.steps[b.staged].sampled {
		b.staged = (b.staged + 1) % len(b.steps)
	}
	step := &b.steps[b.staged]
	step.sequences, step.rows, step.sampled, step.choices = s, 0, false, step.choices[:0]
	for i := range s {
		step.rows += s[i].Rows
	}
	return step, nil
}

// Bucket is n itself: padding would be computed, and there is no launch that it could save.
func (b *Backend) Bucket(n int) int { return n }

func (b *Backend) Capture(_ string, record func()) { record() }

func (b *Backend) Embed(dst, table backend.Tensor, step backend.Batch) {
	d, t := values(dst), values(table)
	for _, s := range sequences(step) {
		for _, token := range s.Tokens {
			if token < 0 {
				token = b.slots[backend.Slot(token)]
			}
			copy(d[:dst.Cols], t[int(token)*table.Cols:])
			d = d[dst.Cols:]
		}
	}
}

func (b *Backend) Angles(dst, inverse backend.Tensor, step backend.Batch) {
	d, f := values(dst), values(inverse)
	for _, s := range sequences(step) {
		for r := range s.Rows {
			position := float32(s.KV.Position + r)
			for j, v := range f {
				angle := float64(position * v)
				d[j], d[len(f)+j] = float32(math.Cos(angle)), float32(math.Sin(angle))
			}
			d = d[dst.Cols:]
		}
	}
}

// sampleWork chooses tokens, one part a sequence.
type sampleWork struct {
	b      *Backend
	step   *batch
	logits []float32
	vocab  int
}

func (b *Backend) Sample(logits backend.Tensor, step backend.Batch) {
	w := &b.sample
	*w = sampleWork{b: b, step: step.(*batch), logits: values(logits), vocab: logits.Cols}
	w.step.sampled = true
	for len(w.step.choices) < logits.Rows {
		w.step.choices = append(w.step.choices, sampling.Choice{})
	}
	b.pool.run(w, logits.Rows)
}

func (w *sampleWork) part(i, worker int) {
	s := &w.step.sequences[i]
	choice, err := w.b.scratch[worker].chooser.Choose(w.logits[i*w.vocab:(i+1)*w.vocab], s.Draw)
	next := choice.Token
	if err != nil {
		choice, next = sampling.Choice{Token: sampling.NoToken}, 0
	}
	w.step.choices[i] = choice
	if s.Slot != backend.NoSlot {
		w.b.slots[s.Slot] = next
	}
}

func (b *Backend) Sampled(step backend.Batch) ([]sampling.Choice, error) {
	return step.(*batch).choices, nil
}
