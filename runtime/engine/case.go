package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
)

// Setting is one way to answer a studied prompt.
type Setting struct {
	Policy   compress.Policy
	Permille int
}

// Outcome is what a setting made of a prompt. Bytes are those of whole pages.
type Outcome struct {
	Tokens []int32 // the greedy answer, without the token that ended it; the first one comes from the prefill, always the same

	KVBytesFull, KVBytesKept, PeakBytes int64   // PeakBytes: the most that a prefill with this setting held at once
	CompressSeconds, PrefillSeconds     float64 // CompressSeconds: scores, budgets and copies

	Recall      float64 // in the policy's own scores, mean over the layers; 1 where nothing was evicted
	RecallCurve map[int]float64
	LayerRecall []float64 // per layer; nil where nothing was scored
	Kept        [][]int32 // per layer: indices of the visual rows that any KV head keeps, ascending; nil: all
	Budgets     []int     // per layer: kept visual rows; nil where nothing was scored
	Elite       []int     // per layer: rows of the observation window
	KeptWhole   string    // why a retention under 1000 evicted nothing

	Agreement         float64 // share of the full cache's tokens, the first left out, that this cache would choose after the same words
	KL                float64 // nats: mean divergence of the distributions at the same steps from the full cache's
	FirstDisagreement int     // index of the first token that differs; -1: none
}

// Case is a prefilled prompt with its full cache.
type Case struct {
	study     *Study
	ctx       context.Context // of the prompt: a Case lives no longer
	prompt    compress.Prompt
	maxTokens int

	full           *kv.Sequence
	judged         map[compress.Policy]*judgement
	judging        time.Duration // spent on the policies' rankings
	prefillSeconds float64

	answer []int32     // of the full cache, the token that ended it included
	logits [][]float32 // what each token of answer was chosen from
}

// Answer is the full cache's, without the token that ended it.
func (c *Case) Answer() []int32 { return withoutEOS(c.answer, c.study.config.EOS) }

// Prompt tells where the visual rows lie.
func (c *Case) Prompt() compress.Prompt { return c.prompt }

// Run answers the prompt under one setting.
func (c *Case) Run(policy compress.Policy, permille int) (Outcome, error) {
	outcomes, err := c.RunAll(Setting{policy, permille})
	if err != nil {
		return Outcome{}, err
	}
	return outcomes[0], nil
}

// RunAll answers the prompt under all settings; as many as the page pool holds decode together, which is several times
// faster than one by one.
func (c *Case) RunAll(settings ...Setting) ([]Outcome, error) {
	outcomes := make([]Outcome, 0, len(settings))
	for len(outcomes) < len(settings) {
		some, err := c.runSome(settings[len(outcomes):])
		if err != nil {
			return nil, fmt.Errorf("studying %s at %d permille: %w", settings[len(outcomes)].Policy.Name(), settings[len(outcomes)].Permille, err)
		}
		outcomes = append(outcomes, some...)
	}
	return outcomes, nil
}

// runSome answers the first settings: as many as fit, one at least.
func (c *Case) runSome(settings []Setting) (outcomes []Outcome, err error) {
	var branches []*branch
	defer func() {
		for _, b := range branches {
			err = errors.Join(err, b.sequence.Release())
		}
	}()
	for _, s := range settings[:min(len(settings), studiedAtOnce)] {
		b, err := c.branch(s)
		if errors.Is(err, kv.ErrNoPages) && len(branches) > 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		branches = append(branches, b)
	}
	if err := c.compare(branches); err != nil {
		return nil, err
	}
	for _, b := range branches {
		outcomes = append(outcomes, b.outcome)
	}
	return outcomes, nil
}

// Close gives the memory back; a second time it does nothing.
func (c *Case) Close() error { return c.full.Release() }

// branch copies the rows that a setting keeps.
func (c *Case) branch(s Setting) (*branch, error) {
	st := c.study
	start := st.clock()
	d, err := c.decide(s)
	if err != nil {
		return nil, err
	}
	b := &branch{sequence: st.pool.NewSequence(), tokens: slices.Clone(c.answer[:1])}
	if err := copyKept(st.model, c.prompt, c.full, b.sequence, d.plan); err != nil {
		return nil, withCleanup(err, b.sequence.Release)
	}
	b.outcome = c.describe(d)
	b.outcome.CompressSeconds += st.clock().Sub(start).Seconds()
	b.outcome.KVBytesKept = st.shape.Bytes(b.sequence.Pages())
	if err := b.sequence.Room(c.maxTokens); err != nil {
		return nil, withCleanup(err, b.sequence.Release)
	}
	return b, nil
}

func (c *Case) describe(d decision) Outcome {
	var u Usage
	u.describe(d.plan, len(c.prompt.Visual))
	o := Outcome{KVBytesFull: c.study.shape.Bytes(c.study.config.Layers * c.study.shape.PagesFor(c.prompt.Rows)),
		PeakBytes: c.study.shape.Bytes(d.peakPages), PrefillSeconds: c.prefillSeconds, CompressSeconds: d.seconds,
		Recall: u.Recall, RecallCurve: u.RecallCurve, LayerRecall: d.recall, Budgets: d.plan.Budgets, Elite: d.plan.Elite, KeptWhole: d.plan.Whole}
	for _, s := range d.plan.Kept {
		o.Kept = append(o.Kept, s.Any())
	}
	return o
}

func withoutEOS(answer, eos []int32) []int32 {
	if last := len(answer) - 1; last >= 0 && slices.Contains(eos, answer[last]) {
		return answer[:last]
	}
	return answer
}

// withCleanup joins what went wrong with what went wrong after it.
func withCleanup(err error, clean func() error) error { return errors.Join(err, clean()) }
