package plant

import (
	"errors"
	"time"

	"aircache.dev/aircache/controllers/observe"
	"aircache.dev/aircache/controllers/tuner"
)

// epoch0 is the moment in which every trace starts.
var epoch0 = time.Unix(1767225600, 0).UTC()

// Sample looks at the pods of a pool, as the operator does.
func (f *Fleet) Sample(pool int) tuner.Sample {
	state := f.pools[pool]
	at := epoch0.Add(time.Duration(f.now * float64(time.Second))).Round(time.Millisecond)
	var results []observe.Result
	for _, p := range f.serving(state.Name) {
		r := observe.Result{Pod: p.name, At: at, Snapshot: p.snapshot()}
		if f.trace.Spoil != nil {
			r = state.spoil(r, f.trace.Spoil(f.now, p.name))
		}
		results = append(results, r)
	}
	m := state.memory.Sample(at, results)
	if m.Desired = state.Replicas; pool == 0 {
		m.Desired = f.want
	}
	return m
}

// spoil makes a pod lie.
func (s *poolState) spoil(r observe.Result, how Fault) observe.Result {
	honest := r
	switch how {
	case Honest:
		s.old[r.Pod] = honest
	case Missing, Nonsense:
		r.Err = errors.New("no metrics")
	case Old:
		if old, known := s.old[r.Pod]; known {
			r = old
		}
	case Huge:
		r.Snapshot.Running, r.Snapshot.Usage, r.Snapshot.Peak = 1<<40, 1, 1
		r.Snapshot.Counters.GeneratedTokens += 1 << 45
	case Backwards:
		r.Snapshot.Counters.Finished = 0
	}
	return r
}

// Retain pushes a retention to the ready pods of a pool; pods that are as it wants hear nothing.
func (f *Fleet) Retain(pool int, order tuner.Applied) {
	state := f.pools[pool]
	if order.TargetPermille != state.target {
		state.changes++
	}
	if order.CandidatePermille > 0 && order.CandidatePermille != state.order.CandidatePermille {
		state.trials++
	}
	state.target, state.order = order.TargetPermille, order
	for _, p := range f.serving(state.Name) {
		p.candidate, p.share = order.CandidatePermille, order.CanaryPermille
		p.retention, p.epoch, p.revision = order.TargetPermille, order.Epoch, order.Revision
	}
}

// Retention is what was pushed last.
func (f *Fleet) Retention(pool int) int32 { return f.pools[pool].target }

// HPAReplicas is what an HPA on the KV usage would want of the first pool now.
func (f *Fleet) HPAReplicas(targetUsage float64) int {
	return f.hpaRule(HPA{targetUsage, f.trace.MinReplicas, f.trace.MaxReplicas})
}

// Replicas is how many pods of a pool serve.
func (f *Fleet) Replicas(pool int) int { return len(f.serving(f.pools[pool].Name)) }
