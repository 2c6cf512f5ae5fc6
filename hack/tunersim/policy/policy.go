// Package policy has the ways to choose a retention that the tuner is compared with. Each sees of a pool what the operator would, once
// every interval; only the oracle sees the plant.
package policy

import (
	"aircache.dev/aircache/controllers/tuner"
	"aircache.dev/aircache/hack/tunersim/plant"
)

// Choice is the retention of a pool, and the replicas that the policy would have (0: it does not say).
type Choice struct {
	Permille int32
	Replicas int32
	Order    tuner.Applied  // of ours: with the value on trial
	Decision tuner.Decision // of ours
}

// Policy decides for one pool. It may remember.
type Policy interface {
	Decide(f *plant.Fleet, pool int, m tuner.Sample) Choice
}

// New are the policies by name, each a maker of one Policy a pool.
func New(name string, t tuner.Target) Policy {
	switch name {
	case Ours:
		return &ours{target: t}
	case AllAtOnce:
		t.CanaryPermille = 0
		return &ours{target: t}
	case Fixed100:
		return fixed{1000}
	case Fixed10:
		return fixed{100}
	case HillClimbing:
		return &hillClimbing{target: t, now: 1000, step: -climbStep}
	case AIMD:
		return &aimd{target: t, now: 1000}
	case ReplicasOnly:
		return replicasOnly{}
	case Oracle:
		return &oracle{every: 300, orders: aheadOfUsers}
	case OracleNow:
		return &oracle{every: 300, orders: withUsers}
	case Clairvoyant:
		return &oracle{every: t.IntervalSeconds, ahead: 45, orders: aheadOfUsers}
	}
	return nil
}

// The names.
const (
	Ours         = "tuner"
	AllAtOnce    = "tuner without trials" // canaryPermille 0
	Fixed100     = "fixed 100 %"
	Fixed10      = "fixed 10 %"
	HillClimbing = "hill climbing"
	AIMD         = "AIMD"
	ReplicasOnly = "replicas only"
	Oracle       = "oracle"
	OracleNow    = "oracle of the present" // knows all but who comes later when it orders nodes
	Clairvoyant  = "clairvoyant"
)

// Names lists them in the order of the report.
func Names() []string {
	return []string{Ours, AllAtOnce, Oracle, OracleNow, Clairvoyant, Fixed100, Fixed10, HillClimbing, AIMD, ReplicasOnly}
}

// Witness hears of a decision.
type Witness func(f *plant.Fleet, pool int, m tuner.Sample, c Choice)

// Run plays a trace under a policy. see hears of every decision; it may be nil.
func Run(t *plant.Trace, name string, see Witness) plant.Result {
	f := plant.NewFleet(t)
	policies := make([]Policy, f.Pools())
	orders := make([]tuner.Applied, f.Pools())
	for i := range policies {
		policies[i] = New(name, t.Target)
		orders[i] = tuner.Applied{Epoch: 1, Revision: 1, TargetPermille: 1000}
	}
	for !f.Done() {
		f.Run(t.Target.IntervalSeconds)
		for i, p := range policies {
			m := f.Sample(i)
			m.ElapsedSeconds = t.Target.IntervalSeconds
			c := p.Decide(f, i, m)
			now, next := orders[i], c.Order
			next.Epoch, next.Revision, next.TargetPermille = now.Epoch, now.Revision, c.Permille
			if next != now {
				next.Revision++
			}
			orders[i] = next
			f.Retain(i, orders[i])
			if i == 0 && c.Replicas > 0 {
				f.Scale(int(c.Replicas))
			}
			if see != nil {
				see(f, i, m, c)
			}
		}
	}
	return f.Result(name)
}

type ours struct {
	target tuner.Target
	state  tuner.State
}

func (o *ours) Decide(_ *plant.Fleet, _ int, m tuner.Sample) Choice {
	m.Applied = tuner.Applied{} // the simulator numbers the orders of all policies alike
	var d tuner.Decision
	o.state, d = tuner.Next(o.target, o.state, m)
	return Choice{Permille: d.TargetPermille, Replicas: d.Replicas.Recommended, Order: o.state.Applied(), Decision: d}
}

type fixed struct{ permille int32 }

func (p fixed) Decide(*plant.Fleet, int, tuner.Sample) Choice { return Choice{Permille: p.permille} }

// replicasOnly keeps everything and scales by KV usage as an HPA does.
type replicasOnly struct{}

func (replicasOnly) Decide(f *plant.Fleet, pool int, _ tuner.Sample) Choice {
	if pool > 0 {
		return Choice{Permille: 1000}
	}
	return Choice{Permille: 1000, Replicas: int32(f.HPAReplicas(0.6))}
}

// oracle knows the plant and every request of the coming time: it runs the pods ahead with them. The one called so keeps a value for five
// minutes, as often as an operator would want it to change; the clairvoyant one chooses anew at every look, for the next 45 s.
type oracle struct {
	every, ahead float64
	orders       func(*plant.Fleet) int // nodes
	due          float64
	now          int32
}

func (p *oracle) Decide(f *plant.Fleet, pool int, _ tuner.Sample) Choice {
	if f.Now() >= p.due {
		p.due = f.Now() + p.every
		p.now = f.BestRetention(pool, max(p.every, p.ahead))
	}
	return Choice{Permille: p.now, Replicas: int32(p.orders(f))}
}

func aheadOfUsers(f *plant.Fleet) int { return f.BestReplicas() }

func withUsers(f *plant.Fleet) int { return f.BestReplicasNow() }
