package plant

import (
	"fmt"
	"math"
	"slices"

	"aircache.dev/aircache/controllers/observe"
	"aircache.dev/aircache/controllers/tuner"
)

// Fleet is a trace that runs.
type Fleet struct {
	trace    *Trace
	now      float64
	incoming []*request
	next     int
	pods     []*pod
	made     int
	events   []Event
	rolling  []*pod // still to be replaced
	want     int    // replicas of the first pool
	hpaAt    float64
	hpaPast  []hpaWish

	pools []*poolState
	score score
}

type poolState struct {
	Pool
	memory  observe.Memory
	old     map[string]observe.Result
	target  int32
	order   tuner.Applied
	changes int
	trials  int
}

type hpaWish struct {
	at   float64
	want int
}

// score adds up what becomes a Result.
type score struct {
	requests, ttft, itl, agreed, all, recalls, retained float64
	tried                                               float64
	podTicks, kvGood                                    float64
	ttfts, itls                                         []float64
}

// NewFleet is a trace before its first tick.
func NewFleet(t *Trace) *Fleet {
	f := &Fleet{trace: t, incoming: t.arrivals(), events: t.Events, want: t.Pools[0].Replicas}
	for i := range t.Pools {
		f.pools = append(f.pools, &poolState{Pool: t.Pools[i], target: 1000, old: map[string]observe.Result{}})
		for range t.Pools[i].Replicas {
			f.addPod(i, 0)
		}
	}
	return f
}

// Now is the time of the trace in seconds.
func (f *Fleet) Now() float64 { return f.now }

// Done reports whether the trace is over.
func (f *Fleet) Done() bool { return f.now >= f.trace.Seconds-tickSlack }

// Pools is how many GPU types there are.
func (f *Fleet) Pools() int { return len(f.pools) }

func (f *Fleet) addPod(pool int, readyAt float64) {
	f.made++
	p := newPod(fmt.Sprintf("%s-%d", f.pools[pool].Name, f.made), f.pools[pool].Name, f.pools[pool].GPU, readyAt)
	f.pods = append(f.pods, p)
}

// Run lets seconds pass.
func (f *Fleet) Run(seconds float64) {
	for end := f.now + seconds; f.now < end-tickSlack && !f.Done(); {
		f.step()
	}
}

func (f *Fleet) step() {
	f.happen()
	f.scale()
	for ; f.next < len(f.incoming) && f.incoming[f.next].arrive <= f.now; f.next++ {
		f.send(f.incoming[f.next])
	}
	for _, p := range f.pods {
		if p.readyAt > f.now {
			f.score.podTicks++ // it costs, and serves nobody
			f.score.kvGood++
			continue
		}
		p.step(f.now, f.ended)
		f.score.podTicks++
		if p.demand() < f.trace.kvHigh() {
			f.score.kvGood++
		}
	}
	f.pods = slices.DeleteFunc(f.pods, func(p *pod) bool {
		return p.draining && len(p.running) == 0 && len(p.queue) == 0 && p.prefill == nil
	})
	f.now += tick
}

func (t *Trace) kvHigh() float64 { return float64(t.Target.KVHighPermille) / 1000 }

// send gives a request to a random ready pod, as a Service does.
func (f *Fleet) send(r *request) {
	ready := f.serving("")
	if len(ready) == 0 {
		ready = f.pods // they wait in front of one that comes
	}
	p := ready[min(int(r.route*float64(len(ready))), len(ready)-1)]
	p.queue = append(p.queue, r)
}

// serving lists the ready pods of a pool, or of all.
func (f *Fleet) serving(pool string) []*pod {
	var list []*pod
	for _, p := range f.pods {
		if p.readyAt <= f.now && !p.draining && (pool == "" || p.pool == pool) {
			list = append(list, p)
		}
	}
	return list
}

// happen plays the trace's events.
func (f *Fleet) happen() {
	for len(f.events) > 0 && f.events[0].At <= f.now {
		e := f.events[0]
		f.events = f.events[1:]
		ready := f.serving(f.pools[e.Pool].Name)
		switch {
		case e.Kind == LosePod && len(ready) > 1:
			f.lose(ready[0], e.Pool)
		case e.Kind == Rollout:
			f.rolling = ready
			f.addPod(e.Pool, f.now+f.trace.NodeSeconds/2) // the surge pod; its node is there
		}
	}
	// A rollout goes on when nobody is on the way.
	if len(f.rolling) > 0 && !slices.ContainsFunc(f.pods, func(p *pod) bool { return p.readyAt > f.now }) {
		f.rolling[0].draining = true
		f.rolling = f.rolling[1:]
		if len(f.rolling) > 0 {
			f.addPod(f.index(f.rolling[0].pool), f.now+f.trace.NodeSeconds/2)
		}
	}
}

func (f *Fleet) index(pool string) int {
	return slices.IndexFunc(f.pools, func(p *poolState) bool { return p.Name == pool })
}

// lose takes a pod away at once. Its users ask again, elsewhere.
func (f *Fleet) lose(p *pod, pool int) {
	f.pods = slices.DeleteFunc(f.pods, func(o *pod) bool { return o == p })
	again := append(slices.Clone(p.queue), p.running...)
	if p.prefill != nil {
		again = append(again, p.prefill)
	}
	for _, r := range again {
		r.retried, r.preempted, r.route = true, false, math.Mod(r.route*7919, 1)
		f.send(r)
	}
	f.addPod(pool, f.now+f.trace.NodeSeconds)
}

// Scale asks for replicas of the first pool; a node takes its time to come, a pod goes when it is drained.
func (f *Fleet) Scale(replicas int) {
	t := f.trace
	if t.HPA == nil && t.MaxReplicas > t.MinReplicas {
		f.want = min(max(replicas, t.MinReplicas), t.MaxReplicas)
	}
}

func (f *Fleet) scale() {
	f.autoscale()
	var alive []*pod
	for _, p := range f.pods {
		if p.pool == f.pools[0].Name && !p.draining {
			alive = append(alive, p)
		}
	}
	if len(f.rolling) > 0 {
		return
	}
	for range f.want - len(alive) {
		f.addPod(0, f.now+f.trace.NodeSeconds)
	}
	for i := len(alive) - 1; i >= f.want && i > 0; i-- {
		alive[i].draining = true // the newest goes first
	}
}

// autoscale is the rule of Kubernetes' HPA: replicas = ceil(replicas * usage/target), no change within 10 %, the highest wish of the last
// five minutes on the way down.
func (f *Fleet) autoscale() {
	h := f.trace.HPA
	if h == nil || f.now < f.hpaAt {
		return
	}
	f.hpaAt = f.now + 15
	f.want = f.hpaRule(*h)
}

func (f *Fleet) hpaRule(h HPA) int {
	ready := f.serving(f.pools[0].Name)
	sum := 0.0
	for _, p := range ready {
		sum += p.demand()
	}
	want := len(ready)
	if ratio := sum / math.Max(float64(len(ready)), 1) / h.TargetUsage; math.Abs(ratio-1) > 0.1 {
		want = int(math.Ceil(float64(len(ready)) * ratio))
	}
	want = min(max(want, h.Min), h.Max)
	f.hpaPast = append(f.hpaPast, hpaWish{f.now, want})
	for f.hpaPast[0].at < f.now-300 {
		f.hpaPast = f.hpaPast[1:]
	}
	for _, w := range f.hpaPast {
		want = max(want, w.want)
	}
	return max(want, min(f.want, len(ready))) // never down past what the last minutes wanted
}

// ended notes how a request fared.
func (f *Fleet) ended(r *request, now float64) {
	s, t := &f.score, f.trace.Target
	ttft, itl := r.first-r.arrive, (now-r.first)/math.Max(r.generated-1, 1)
	quick, smooth := ttft <= t.TTFTP95Seconds, itl <= t.ITLP95Seconds
	good := r.kind.agreement(r.retention) >= f.trace.Quality
	s.requests++
	s.ttft, s.itl, s.agreed, s.all = s.ttft+one(quick), s.itl+one(smooth), s.agreed+one(good), s.all+one(quick && smooth && good)
	s.retained, s.recalls = s.retained+float64(r.retention)/1000, s.recalls+r.recall(r.retention)
	s.tried += one(r.canary)
	s.ttfts, s.itls = append(s.ttfts, ttft), append(s.itls, itl)
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Result is how it went until now. Requests that still wait count as late.
func (f *Fleet) Result(policy string) Result {
	s := f.score
	s.ttfts = slices.Clone(s.ttfts)
	for _, p := range f.pods {
		for _, r := range p.queue {
			if late := f.now - r.arrive; late > f.trace.Target.TTFTP95Seconds && r.first == 0 {
				s.requests++
				s.itl, s.agreed = s.itl+1, s.agreed+1
				s.ttfts = append(s.ttfts, late)
				s.retained, s.recalls = s.retained+float64(p.retention)/1000, s.recalls+r.recall(p.retention)
			}
		}
	}
	changes, trials := 0, 0
	for _, p := range f.pools {
		changes, trials = changes+p.changes, trials+p.trials
	}
	n := math.Max(s.requests, 1)
	return Result{
		Trace: f.trace.Name, Policy: policy, Requests: int(s.requests),
		TTFTAttained: s.ttft / n, ITLAttained: s.itl / n, Agreed: s.agreed / n, Attained: s.all / n, KVAttained: s.kvGood / math.Max(s.podTicks, 1),
		MeanRetention: s.retained / n, MeanRecall: s.recalls / n, ReplicaHours: s.podTicks * tick / 3600,
		ChangesHour: float64(changes) / float64(len(f.pools)) / (f.now / 3600),
		Tried:       s.tried / n, TrialsHour: float64(trials) / float64(len(f.pools)) / (f.now / 3600),
		TTFTP95: quantile(s.ttfts), ITLP95: quantile(s.itls),
	}
}

func quantile(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Clone(values)
	slices.Sort(values)
	return values[int(0.95*float64(len(values)-1))]
}
