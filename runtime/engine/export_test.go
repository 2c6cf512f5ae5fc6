package engine

import "aircache.dev/aircache/runtime/compress"

// OneShot is what a policy keeps of a studied prompt when it decides after all layers at once.
func (c *Case) OneShot(policy compress.Policy, permille int) compress.Plan {
	q := compress.Quota{Visual: len(c.prompt.Visual), Layers: c.study.config.Layers, Permille: permille}
	return compress.Decide(policy, c.judged[policy].rankings, q)
}

// Chunk lets a study prefill some rows of a layer at once.
func (s *Study) Chunk(rows int) { s.chunk = rows }

// Decide is the plan of a setting, decided layer by layer, and the most pages that its prefill holds.
func (c *Case) Decide(policy compress.Policy, permille int) (compress.Plan, int, error) {
	d, err := c.decide(Setting{policy, permille})
	return d.plan, d.peakPages, err
}
