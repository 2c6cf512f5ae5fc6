package sampling

import "math"

// choose draws a token from the work list, which it reorders.
func (s *Sampler) choose() int32 {
	best := s.work[0]
	for _, c := range s.work[1:] {
		if c.before(best) {
			best = c
		}
	}
	if s.params.Temperature == 0 {
		return best.token
	}
	// Probabilities relative to the best token's: e^((x - best)/T), so the largest is 1 and nothing overflows.
	total := 0.0
	for i := range s.work {
		s.work[i].value = math.Exp((s.work[i].value - best.value) / s.params.Temperature)
		total += s.work[i].value
	}
	kept := s.work
	if s.restricted() {
		kept, total = s.nucleus(total)
	}
	return pick(kept, s.draw.Float64()*total)
}

func (s *Sampler) restricted() bool {
	k, p := s.params.TopK, s.params.TopP
	return k > 0 && k < len(s.work) || p > 0 && p < 1
}

// nucleus pops the likeliest tokens off a heap until K are taken, or until their share reaches P of what top-k left.
// With probabilities .5 .3 .2: K = 2 leaves .625 .375, of which P = .6 keeps the first alone.
func (s *Sampler) nucleus(total float64) ([]candidate, float64) {
	best := newRanking(s.work)
	limit := len(s.work)
	if s.params.TopK > 0 {
		limit = min(limit, s.params.TopK)
	}
	if s.params.TopP == 0 || s.params.TopP == 1 {
		return best.popUntil(limit, math.Inf(1))
	}
	if limit == len(s.work) {
		return best.popUntil(limit, s.params.TopP*total)
	}
	kept, sum := best.popUntil(limit, math.Inf(1))
	reached := 0.0
	for i, c := range kept {
		if reached += c.value; reached >= s.params.TopP*sum {
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
