package engine

import (
	"math"
	"slices"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// branch is one setting's cache of a studied prompt, and its answer so far.
type branch struct {
	sequence *kv.Sequence
	tokens   []int32
	chosen   []int32 // what this cache would choose at each step of the full cache's answer
	outcome  Outcome
}

// answerFull decodes the full cache's answer and keeps the logits of every step.
func (c *Case) answerFull(first []float32) error {
	c.answer, c.logits = []int32{best(first)}, [][]float32{first}
	b := &branch{sequence: c.full}
	if err := c.full.Room(c.maxTokens); err != nil {
		return err
	}
	for !c.ended(c.answer) {
		logits, err := c.step([]*branch{b}, func(*branch) int32 { return c.answer[len(c.answer)-1] })
		if err != nil {
			return err
		}
		c.answer, c.logits = append(c.answer, best(logits[0])), append(c.logits, slices.Clone(logits[0]))
	}
	c.full.Rewind(len(c.answer) - 1)
	return nil
}

// compare lets every branch read the full cache's answer, token by token, and notes what it would have said. Where it would
// have said something else it then goes its own way from there: up to that token the two answers are the same.
func (c *Case) compare(branches []*branch) error {
	steps := len(c.answer) - 1
	for i := range steps {
		logits, err := c.step(branches, func(*branch) int32 { return c.answer[i] })
		if err != nil {
			return err
		}
		for j, b := range branches {
			b.chosen = append(b.chosen, best(logits[j]))
			b.outcome.KL += divergence(c.logits[i+1], logits[j]) / float64(steps)
		}
	}
	var differ []*branch
	for _, b := range branches {
		if b.judge(c.answer) {
			differ = append(differ, b)
		}
	}
	if err := c.goOn(differ); err != nil {
		return err
	}
	for _, b := range branches {
		b.outcome.Tokens = withoutEOS(b.tokens, c.study.config.EOS)
	}
	return nil
}

// judge counts the agreements, takes over the answer up to the first disagreement, and reports whether there is one.
func (b *branch) judge(answer []int32) bool {
	agreed := 0
	b.outcome.FirstDisagreement = -1
	for i, token := range b.chosen {
		if token == answer[i+1] {
			agreed++
		} else if b.outcome.FirstDisagreement < 0 {
			b.outcome.FirstDisagreement = i + 1
		}
	}
	b.outcome.Agreement = 1
	if len(b.chosen) > 0 {
		b.outcome.Agreement = float64(agreed) / float64(len(b.chosen))
	}
	at := b.outcome.FirstDisagreement
	if at < 0 {
		b.tokens = slices.Clone(answer)
		return false
	}
	b.tokens = append(slices.Clone(answer[:at]), b.chosen[at-1])
	b.sequence.Rewind(len(answer) - 1 - at) // rows of the tokens fed after it
	return true
}

// goOn decodes the branches freely until each has ended.
func (c *Case) goOn(branches []*branch) error {
	for {
		branches = slices.DeleteFunc(branches, func(b *branch) bool { return c.ended(b.tokens) })
		if len(branches) == 0 {
			return nil
		}
		logits, err := c.step(branches, func(b *branch) int32 { return b.tokens[len(b.tokens)-1] })
		if err != nil {
			return err
		}
		for i, b := range branches {
			b.tokens = append(b.tokens, best(logits[i]))
		}
	}
}

func (c *Case) ended(answer []int32) bool {
	return len(answer) >= c.maxTokens || slices.Contains(c.study.config.EOS, answer[len(answer)-1])
}

// step feeds one token to each branch.
func (c *Case) step(branches []*branch, next func(*branch) int32) ([][]float32, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	batch := make([]model.Row, len(branches))
	for i, b := range branches {
		batch[i] = model.Row{Token: next(b), Slot: backend.NoSlot, KV: viewOf(b.sequence)}
	}
	step, err := c.study.model.Launch(batch)
	if err != nil {
		return nil, err
	}
	logits, err := c.study.model.Logits(step)
	if err != nil {
		return nil, err
	}
	for _, b := range branches {
		b.sequence.Wrote(1)
	}
	return logits, nil
}

// best is the likeliest token; of equal ones the first, as in the sampler.
func best(logits []float32) int32 {
	at := 0
	for i, v := range logits {
		if v > logits[at] {
			at = i
		}
	}
	return int32(at)
}

// divergence is KL(p || q) in nats of the distributions that two rows of logits stand for.
//
//	p from logits 0 0, q from 0 ln3: .5*ln(.5/.25) + .5*ln(.5/.75) = .144
func divergence(p, q []float32) float64 {
	sumP, highP := exponentials(p)
	sumQ, highQ := exponentials(q)
	kl := 0.0
	for i := range p {
		weight := math.Exp(float64(p[i])-highP) / sumP
		if weight > 0 {
			kl += weight * ((float64(p[i]) - highP - math.Log(sumP)) - (float64(q[i]) - highQ - math.Log(sumQ)))
		}
	}
	return max(0, kl)
}

func exponentials(x []float32) (sum, highest float64) {
	highest = float64(slices.Max(x))
	for _, v := range x {
		sum += math.Exp(float64(v) - highest)
	}
	return sum, highest
}
