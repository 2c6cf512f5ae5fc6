package plant

import (
	"math"
	"math/rand/v2"
)

// request is one question, as the users send it and as it fared.
type request struct {
	kind                 *Picture
	arrive               float64 // seconds since the start of the trace
	visual, text, answer float64 // tokens
	route                float64 // 0..1: which of the ready pods it meets
	luck                 float64 // standard normal: its recall against the mean
	shadow               float64 // 0..1: whether it is compared

	started   float64 // its prefill
	first     float64 // its first token
	retention int32
	canary    bool // it got the value on trial
	kept      float64
	generated float64
	preempted bool
	retried   bool // its pod was lost
}

// lot is 0..1: whether the request falls into a trial. The pods draw by a hash.
func (r *request) lot() float64 { return math.Mod(7919*r.route+104729*r.shadow, 1) }

// recall is what a retention holds of the request's scores.
func (r *request) recall(permille int32) float64 {
	share := float64(permille) / 1000
	if share >= 1 || r.visual == 0 {
		return 1
	}
	recall := math.Pow(share, r.kind.RecallPower)
	if r.kind.CliffAt > 0 && share < r.kind.CliffAt {
		recall *= math.Pow(share/r.kind.CliffAt, 2)
	}
	return math.Max(0.01, math.Min(1, recall+r.luck*r.kind.RecallDeviation*(1-recall)))
}

// agreement is the share of its next tokens that are those of the full cache: disagreement grows with the 17th power of the recall that is
// missing, as measured (docs/quality.md: 0.2 % at 0.68, 0.7 % at 0.75, 3 % at 0.81).
func (k *Picture) agreement(permille int32) float64 {
	share := float64(permille) / 1000
	if share >= 1 || k.Visual == 0 {
		return 1
	}
	missing := 1 - math.Pow(share, k.RecallPower)
	bad := k.Disagreement * math.Pow(missing/0.68, 17)
	if k.CliffAt > 0 && share < k.CliffAt {
		bad += 0.5 * (1 - share/k.CliffAt)
	}
	return 1 - math.Min(bad, 1)
}

// arrivals are the requests of a trace, by time: Poisson with the trace's rate, plus bursts whose sizes have a heavy tail.
func (t *Trace) arrivals() []*request {
	random := rand.New(rand.NewPCG(t.Seed, 11))
	var list []*request
	highest := 0.0
	for at := 0.0; at < t.Seconds; at++ {
		highest = math.Max(highest, t.Rate(at))
	}
	if t.BurstEvery > 0 {
		highest *= 1 + maxBurst
	}
	factor, until, next := 1.0, 0.0, random.ExpFloat64()*t.BurstEvery
	for at := random.ExpFloat64() / highest; at < t.Seconds; at += random.ExpFloat64() / highest {
		if t.BurstEvery > 0 && at >= next {
			// Pareto with a tail of 1.5: most bursts are small, some are many times as large.
			factor = 1 + math.Min(0.3*math.Pow(1-random.Float64(), -1/1.5), maxBurst)
			until = at + 20 + 100*random.Float64()
			next = until + random.ExpFloat64()*t.BurstEvery
		}
		if at >= until {
			factor = 1
		}
		accept, u := t.Rate(at)*factor/highest, random.Float64()
		r := t.draw(random, at)
		if u < accept {
			list = append(list, r)
		}
	}
	return list
}

const maxBurst = 4.0

// draw is one request of the mix at that time.
func (t *Trace) draw(random *rand.Rand, at float64) *request {
	kind, pick := &t.Mix(at)[0].Picture, random.Float64()
	mix := t.Mix(at)
	for i := range mix {
		if kind = &mix[i].Picture; pick < mix[i].Share {
			break
		}
		pick -= mix[i].Share
	}
	logNormal := func(median, spread float64) float64 { return median * math.Exp(spread*random.NormFloat64()) }
	return &request{
		kind: kind, arrive: at, visual: math.Min(logNormal(kind.Visual, kind.VisualSpread), kind.LargestVisual),
		text: kind.Text * (0.5 + random.Float64()), answer: math.Max(8, math.Min(logNormal(kind.Answer, kind.AnswerSpread), 2000)),
		route: random.Float64(), luck: random.NormFloat64(), shadow: random.Float64(),
	}
}
