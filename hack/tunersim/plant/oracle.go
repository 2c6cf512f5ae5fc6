package plant

import "math"

// Oracle is what nobody can know in production: the plant itself, and who asks next.

// BestRetention is the largest retention that keeps every objective of the pool over the coming time, found by running the pool ahead
// with the very requests that will come. Where none does, it is the largest that breaks them no more than the smallest good one would.
func (f *Fleet) BestRetention(pool int, seconds float64) int32 {
	low, high := f.leastGood(seconds), f.trace.Target.MaxPermille
	allowed := 0.0
	if f.broken(pool, high, seconds) == 0 {
		return high
	}
	if least := f.broken(pool, low, seconds); least > 0 {
		allowed = least + 0.005
	}
	for high-low > 10 {
		if middle := (low + high) / 2; f.broken(pool, middle, seconds) <= allowed {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// leastGood is the smallest retention at which all kinds of pictures of this moment keep their agreement.
func (f *Fleet) leastGood(seconds float64) int32 {
	least := f.trace.Target.FloorPermille
	for _, at := range []float64{f.now, f.now + seconds} {
		for _, s := range f.trace.Mix(at) {
			for least < 1000 && s.Share > 0 && s.agreement(least) < f.trace.Quality {
				least += 5
			}
		}
	}
	return min(least, f.trace.Target.MaxPermille)
}

// broken runs the pool's pods ahead. It is the share of the requests beyond 5 % that were late, and of the time that the pool was over its
// objective; 0 when all is well.
func (f *Fleet) broken(pool int, permille int32, seconds float64) float64 {
	t := f.trace.Target
	ready := f.serving("")
	var ours []*pod
	clones := map[*pod]*pod{}
	for _, p := range f.serving(f.pools[pool].Name) {
		clones[p] = p.clone()
		clones[p].retention = permille
		ours = append(ours, clones[p])
	}
	over, ticks, late, ended := 0.0, 0.0, 0.0, 0.0
	done := func(r *request, now float64) {
		ended++
		if itl := (now - r.first) / math.Max(r.generated-1, 1); r.first >= f.now && itl > t.ITLP95Seconds || r.first >= f.now && r.first-r.arrive > t.TTFTP95Seconds {
			late++
		}
	}
	next := f.next
	for now := f.now; now < f.now+seconds; now += tick {
		for ; next < len(f.incoming) && f.incoming[next].arrive <= now; next++ {
			r := *f.incoming[next]
			to := ready[min(int(r.route*float64(len(ready))), len(ready)-1)]
			if c := clones[to]; c != nil {
				c.queue = append(c.queue, &r)
			}
		}
		for _, p := range ours {
			p.step(now, done)
			// What is in the pool now was admitted before: only what comes can be changed.
			if now > f.now+oracleBlind && p.demand() >= f.trace.kvHigh() {
				over++
			}
			ticks++
		}
	}
	return math.Max(late/math.Max(ended, 1)-0.05, 0) + over/math.Max(ticks, 1)
}

// oracleBlind is how long the requests that run already speak for themselves.
const oracleBlind = 5.0

// prefillLoad is the share of a pod's time that prefills may take before their queue breaks the time to first token.
const prefillLoad = 0.5

// BestReplicas is the fewest pods of the first pool that keep the time of the pods and their pools within bounds at the smallest good
// retention, at the busiest moment until a new node could come.
func (f *Fleet) BestReplicas() int { return f.bestReplicas(f.trace.NodeSeconds + 60) }

// BestReplicasNow is the same for the users of this moment.
func (f *Fleet) BestReplicasNow() int { return f.bestReplicas(0) }

func (f *Fleet) bestReplicas(ahead float64) int {
	t, g := f.trace, f.pools[0].GPU
	need, least := 0.0, f.leastGood(ahead)
	for at := f.now; at <= f.now+ahead; at += 15 {
		rate, prefill, kv, answer := t.Rate(at), 0.0, 0.0, 0.0
		for _, s := range t.Mix(at) {
			visual, tokens := s.Visual*math.Exp(s.VisualSpread*s.VisualSpread/2), s.Answer*math.Exp(s.AnswerSpread*s.AnswerSpread/2)
			prefill += s.Share * (visual + s.Text) / g.PrefillTokensPerSecond
			kv += s.Share * (visual*float64(least)/1000 + s.Text + tokens/2)
			answer += s.Share * tokens
		}
		// A pod with n requests at once prefills for a share of its time and decodes in the rest; n is what its pool or the latency allows.
		n := math.Min(0.8*t.kvHigh()*g.PoolTokens/kv, float64(g.MaxBatch))
		step := g.StepBase + n*kv*g.StepPerToken + n*g.StepPerSequence
		perPod := math.Min(1/(prefill+answer*step/n), prefillLoad/prefill) // requests a second
		need = math.Max(need, rate/(0.85*perPod))
	}
	return int(math.Ceil(need))
}
