package sampling

import "math"

// draw picks a token from the work list, which it reorders.
func (c *Chooser) draw(d Draw) int32 {
	best := c.work[0]
	for _, other := range c.work[1:] {
		if other.before(best) {
			best = other
		}
	}
	if d.Temperature == 0 {
		return best.token
	}
	// Probabilities relative to the best token's: e^((x - best)/T), so the largest is 1 and nothing overflows.
	total := 0.0
	for i := range c.work {
		c.work[i].value = math.Exp((c.work[i].value - best.value) / d.Temperature)
		total += c.work[i].value
	}
	kept := c.work
	if d.restricted(len(c.work)) {
		kept, total = d.nucleus(c.work, total)
	}
	return pick(kept, d.Point*total)
}

func (d Draw) restricted(tokens int) bool {
	return d.TopK > 0 && d.TopK < tokens || d.TopP > 0 && d.TopP < 1
}

// nucleus pops the likeliest tokens off a heap until K are taken, or until their share reaches P of what top-k left.
// With probabilities .5 .3 .2: K = 2 leaves .625 .375, of which P = .6 keeps the first alone.
func (d Draw) nucleus(work []candidate, total float64) ([]candidate, float64) {
	best := newRanking(work)
	limit := len(work)
	if d.TopK > 0 {
		limit = min(limit, d.TopK)
	}
	if d.TopP == 0 || d.TopP == 1 {
		return best.popUntil(limit, math.Inf(1))
	}
	if limit == len(work) {
		return best.popUntil(limit, d.TopP*total)
	}
	kept, sum := best.popUntil(limit, math.Inf(1))
	reached := 0.0
	for i, c := range kept {
		if reached += c.value; reached >= d.TopP*sum {
			return kept[:i+1], reached
		}
	}
	return kept, sum
}

// pick walks the candidates until their probabilities add up to the drawn point.
func pick(candidates []candidate, point float64) int32 {
	last := candidates[0].token
	for _, c := range candidates {
		if c.value == 0 {
			continue
		}
		last = c.token
		if point -= c.value; point < 0 {
			return c.token
		}
	}
	return last // rounding left a crumb: the last possible token has it
}
