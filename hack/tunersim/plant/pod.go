package plant

import (
	"math"

	"aircache.dev/aircache/controllers/observe"
)

const (
	tick = 0.1 // seconds
	// prefillShare is the most of its time that a pod prefills while others decode.
	prefillShare = 0.7
	peakTicks    = 150 // 15 s
	// tickSlack makes a loop over ticks end where it should.
	tickSlack = tick / 2
)

// pod is one replica: a queue, a page pool, a batch.
type pod struct {
	name     string
	gpu      GPU
	pool     string
	readyAt  float64
	draining bool

	retention int32 // in force; the ceiling until it is told
	candidate int32 // on trial; 0: none
	share     int32 // of the requests that get it, in permille
	epoch     int64
	revision  int64

	queue   []*request
	prefill *request
	left    float64 // seconds of the prefill that runs
	running []*request
	blocked bool
	tokens  float64 // part of a token that the histogram has not counted

	peaks [peakTicks]float64
	ticks int

	seen counters
}

// counters are what the pod shows; they only grow.
type counters struct {
	observe.Counters
	ttft, itl, wait        histogram
	steps, prefill         observe.Sum
	recall                 map[int32]*histogram
	recallSum              map[int32]observe.Sum
	appliedRecall, compare observe.Sum
	canaryRecall           observe.Sum
	canaryCompare          observe.Sum
}

func newPod(name, pool string, gpu GPU, readyAt float64) *pod {
	p := &pod{name: name, pool: pool, gpu: gpu, readyAt: readyAt, retention: 1000}
	p.seen.ttft, p.seen.itl, p.seen.wait = newHistogram(ttftBounds), newHistogram(itlBounds), newHistogram(ttftBounds)
	p.seen.recall, p.seen.recallSum = map[int32]*histogram{}, map[int32]observe.Sum{}
	return p
}

func (p *pod) used() float64 {
	tokens := 0.0
	for _, r := range p.running {
		tokens += r.kept + r.text + r.generated
	}
	if p.prefill != nil {
		tokens += p.prefill.visual + p.prefill.text
	}
	return tokens
}

// demand is what the objective is about: the pool's use, and all of it while a request waits for room.
func (p *pod) demand() float64 {
	if p.blocked {
		return 1
	}
	return math.Min(p.used()/p.gpu.PoolTokens, 1)
}

// step lets a tenth of a second pass. done hears of each request that ended.
func (p *pod) step(now float64, done func(*request, float64)) {
	budget, most := tick, tick
	if len(p.running) > 0 {
		most = prefillShare * tick
	}
	p.blocked = false
	for most > 0 && p.admit(now) {
		spent := math.Min(p.left, most)
		p.left, most, budget = p.left-spent, most-spent, budget-spent
		p.seen.prefill.Sum += spent
		if p.left <= 1e-12 {
			p.firstToken(now)
		}
	}
	p.decode(now, budget, done)
	p.peaks[p.ticks%peakTicks] = p.demand()
	p.ticks++
}

// admit reports whether a prefill runs; it starts the next one if there is room for the whole prompt.
func (p *pod) admit(now float64) bool {
	if p.prefill != nil {
		return true
	}
	if len(p.queue) == 0 || len(p.running) >= p.gpu.MaxBatch {
		return false
	}
	r := p.queue[0]
	if p.used()+r.visual+r.text > p.gpu.PoolTokens && len(p.running) > 0 {
		p.blocked = true
		return false
	}
	p.queue, p.prefill = p.queue[1:], r
	p.left = (r.visual + r.text) / p.gpu.PrefillTokensPerSecond
	r.started = now
	p.seen.wait.add(now-r.arrive, 1)
	return true
}

// firstToken ends a prefill: the picture is compressed, and the request decodes.
func (p *pod) firstToken(now float64) {
	r := p.prefill
	p.prefill = nil
	r.retention, r.canary = p.retention, p.candidate > 0 && r.visual > 0 && r.lot() < float64(p.share)/1000
	if r.canary {
		r.retention = p.candidate
	}
	r.kept = r.visual * float64(r.retention) / 1000
	r.generated = 1
	if r.preempted {
		r.preempted = false // it has had its first token
	} else {
		r.first = now + tick
		p.seen.ttft.add(r.first-r.arrive, 1)
	}
	p.running = append(p.running, r)
	c := &p.seen
	c.prefill.Count++
	c.TextTokens, c.VisualSeen, c.VisualKept = c.TextTokens+r.text, c.VisualSeen+r.visual, c.VisualKept+r.kept
	if r.visual == 0 {
		return
	}
	for _, at := range recallPoints {
		if c.recall[at] == nil {
			h := newHistogram(shareBounds)
			c.recall[at] = &h
		}
		v := r.recall(at)
		c.recall[at].add(v, 1)
		sum := c.recallSum[at]
		c.recallSum[at] = observe.Sum{Sum: sum.Sum + v, Count: sum.Count + 1}
	}
	if r.canary {
		c.CanaryRequests++
		c.canaryRecall.Sum += r.recall(r.retention)
		c.canaryRecall.Count++
	} else if r.retention < 1000 {
		c.appliedRecall.Sum += r.recall(r.retention)
		c.appliedRecall.Count++
	}
}

var recallPoints = []int32{10, 20, 50, 100, 200, 350, 500}

func (p *pod) decode(now, budget float64, done func(*request, float64)) {
	batch := float64(len(p.running))
	if batch == 0 {
		return
	}
	kv := p.used()
	if p.prefill != nil {
		kv -= p.prefill.visual + p.prefill.text
	}
	step := p.gpu.StepBase + kv*p.gpu.StepPerToken + batch*p.gpu.StepPerSequence
	steps := budget / step
	c := &p.seen
	c.StepKVTokens, c.StepBatch = c.StepKVTokens+steps*kv, c.StepBatch+steps*batch
	c.steps.Sum, c.steps.Count = c.steps.Sum+budget, c.steps.Count+steps
	c.GeneratedTokens += steps * batch
	p.tokens += steps * batch
	whole := math.Floor(p.tokens)
	p.tokens -= whole
	c.itl.add(tick/steps, whole)
	left := p.running[:0]
	for _, r := range p.running {
		if r.generated += steps; r.generated < r.answer {
			left = append(left, r)
			continue
		}
		c.Finished++
		p.compare(r)
		done(r, now+tick)
	}
	p.running = left
	if p.used() > p.gpu.PoolTokens && len(p.running) > 1 {
		newest := p.running[len(p.running)-1]
		p.running = p.running[:len(p.running)-1]
		newest.preempted, newest.answer = true, math.Max(newest.answer-newest.generated, 1)
		p.queue = append([]*request{newest}, p.queue...)
		c.Preemptions++
	}
}

// compare holds some of the compressed answers against the full cache: 16 tokens each. Those on trial are all compared, and every
// comparison during a trial is at both values.
func (p *pod) compare(r *request) {
	if r.visual == 0 || r.retention >= 1000 || r.shadow >= shadowShare && !r.canary || r.canary && r.retention != p.candidate {
		return
	}
	luck := r.shadow / shadowShare
	if r.canary {
		luck = r.shadow
	}
	stable := p.retention
	if !r.canary {
		stable = r.retention
	}
	c := &p.seen
	served := agreedOf(r.kind.agreement(stable), luck)
	if stable < 1000 {
		c.ShadowSteps, c.ShadowAgreed = c.ShadowSteps+comparedTokens, c.ShadowAgreed+served
		c.compare.Sum, c.compare.Count = c.compare.Sum+served/comparedTokens, c.compare.Count+1
	}
	if p.candidate == 0 {
		return
	}
	tried := agreedOf(r.kind.agreement(p.candidate), luck)
	c.CanaryShadowSteps, c.CanaryShadowAgreed = c.CanaryShadowSteps+comparedTokens, c.CanaryShadowAgreed+tried
	c.canaryCompare.Sum, c.canaryCompare.Count = c.canaryCompare.Sum+tried/comparedTokens, c.canaryCompare.Count+1
	c.PairsWorse, c.PairsBetter = c.PairsWorse+one(tried < served), c.PairsBetter+one(tried > served)
}

const comparedTokens = 16

// agreedOf is how many tokens agree: luck decides between the whole numbers next to the mean. The requests differ, and their sum is right.
func agreedOf(agreement, luck float64) float64 {
	whole := math.Floor(comparedTokens * agreement)
	return whole + one(luck < comparedTokens*agreement-whole)
}

// shadowShare of the compressed requests is compared.
const shadowShare = 0.05

// clone is a pod that may be run ahead; its requests are its own.
func (p *pod) clone() *pod {
	c := *p
	fresh := newPod(p.name, p.pool, p.gpu, p.readyAt)
	c.seen = fresh.seen
	c.queue = copies(p.queue)
	c.running = copies(p.running)
	if p.prefill != nil {
		c.prefill = copies([]*request{p.prefill})[0]
	}
	return &c
}

func copies(list []*request) []*request {
	out := make([]*request, len(list))
	for i, r := range list {
		c := *r
		out[i] = &c
	}
	return out
}
