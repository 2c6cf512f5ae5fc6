package engine

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/model"
)

// judgement is what a policy thinks of a studied prompt, whatever the retention.
type judgement struct {
	observe  []int32
	whole    string // why it leaves the prompt as it is
	rankings []compress.Ranking
	seconds  float64
}

// Before has nothing to do: a study keeps all layers' pages.
func (c *Case) Before(int) error { return nil }

// After lets every policy rank the layer.
func (c *Case) After(o *model.Observed) error {
	start := c.study.clock()
	defer func() { c.judging += c.study.clock().Sub(start) }()
	for policy, j := range c.judged {
		if err := c.rank(policy, j, o); err != nil {
			return fmt.Errorf("scoring layer %d for %s: %w", o.Layer, policy.Name(), err)
		}
	}
	return nil
}

func (c *Case) rank(policy compress.Policy, j *judgement, o *model.Observed) error {
	if j.whole != "" {
		return nil
	}
	some, err := c.study.model.Only(o, j.observe)
	if err != nil {
		return err
	}
	start := c.study.clock()
	ranking, err := compress.RankLayer(policy, c.prompt, o.Layer, scorer{c.study.model, c.study.config, some, c.prompt.Shown()})
	j.seconds += c.study.clock().Sub(start).Seconds()
	if errors.Is(err, compress.ErrScores) {
		j.whole = err.Error()
		return nil
	}
	j.rankings = append(j.rankings, ranking)
	return err
}

// decision is one setting's.
type decision struct {
	plan      compress.Plan
	peakPages int // the most that a prefill held which compresses layer by layer
	recall    []float64
	seconds   float64
}

// decide replays the cascade that a serving engine runs.
func (c *Case) decide(s Setting) (decision, error) {
	layers, whole := c.study.config.Layers, c.study.shape.PagesFor(c.prompt.Rows)
	j := c.judged[s.Policy]
	if j == nil {
		return decision{}, errors.New("the policy was not named when the prompt was run")
	}
	if s.Permille < 1 || s.Permille > compress.Everything {
		return decision{}, fmt.Errorf("a retention of %d permille was asked for, from 1 to %d are possible", s.Permille, compress.Everything)
	}
	if j.whole != "" {
		return decision{plan: compress.WholePlan(s.Permille, j.whole), peakPages: layers * whole, seconds: j.seconds}, nil
	}
	cascade := compress.NewCascade(s.Policy, compress.Quota{Visual: len(c.prompt.Visual), Layers: layers, Permille: s.Permille})
	d := decision{seconds: j.seconds}
	kept := 0
	for _, ranking := range j.rankings {
		d.peakPages = max(d.peakPages, kept+whole)
		kept = 0
		for _, k := range cascade.Add(ranking) {
			kept += c.study.shape.PagesFor(c.prompt.Rows - len(c.prompt.Visual) + k)
		}
	}
	d.plan = cascade.Plan()
	for l, ranking := range j.rankings {
		d.recall = append(d.recall, ranking.Recall(d.plan.Budgets[l]))
	}
	return d, nil
}
