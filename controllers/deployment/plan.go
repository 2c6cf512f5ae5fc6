package deployment

import (
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/placement"
	"aircache.dev/aircache/controllers/render"
)

// plan is what one reconcile decided; it is made of the object and the world alone.
type plan struct {
	pools     []poolPlan
	replicas  int32            // placed over the pools
	unplaced  int32            // wanted, but no type may take them
	spilled   int32            // on later GPU types, for earlier ones ran out
	moves     []placement.Note // what placement decided
	stale     []leaver         // of GPU types that left spec
	stalled   *finding         // nothing is applied while set
	paused    bool             // nor while true
	pending   []string         // what a pause keeps from being applied
	lookAgain time.Duration    // when to reconcile though nothing happened; 0 is never
	operator  render.Operator
}

// poolPlan is one GPU type with what is wanted of it.
type poolPlan struct {
	render.Pool
	name     string // of the Deployment
	replicas int32
	hold     placement.Hold
	nodes    nodeSummary
	bounds   render.Bounds
	tuning   v1alpha1.PoolTuning
	template render.Template // pinTemplates sets it, and what follows
	revision int64
	upgrade  string // what this operator would change of the template
	inPlace  bool   // a pod goes before its successor comes; rollOut sets it, and what follows
	adaptive bool
	rival    *rival // an autoscaler that sets the replicas, which are left to it then
	heldBack bool   // its Deployment was deleted, and is not made anew yet
}

// wanted is what spec asks for.
func (p *plan) wanted() int32 { return p.replicas + p.unplaced }

func makePlan(object *v1alpha1.AirCacheDeployment, seen *world, operator render.Operator, now time.Time) *plan {
	p := &plan{
		stalled: firstProblem(input{object, seen, operator.RuntimeImage}),
		paused:  object.Spec.Paused, operator: operator,
	}
	pools := render.Pools(&object.Spec, seen.classes)
	wanted := wantedReplicas(object, seen, pools)
	names := map[string]bool{}
	for _, of := range pools {
		pool := poolPlan{Pool: of, name: render.DeploymentName(object.Name, of.Name()), nodes: nodesOf(seen, of)}
		pool.bounds = render.PoolBounds(&object.Spec, pool.Pool)
		pool.tuning = poolTuning(object, seen.tuned, of.Name(), pool.bounds)
		p.pools = append(p.pools, pool)
		names[pool.name] = true
	}
	p.take(place(object, seen, p.pools, wanted, now), wanted, now)
	p.moves = append(p.moves, scaled(object, wanted)...)
	for i := range p.pools {
		pool := &p.pools[i]
		pool.rival = contested(seen.deployments[pool.name], poolStatus(object.Status.Pools, pool.Name()), pool.replicas)
	}
	for name, d := range seen.deployments {
		if !names[name] {
			p.stale = append(p.stale, leaver{Deployment: d})
		}
	}
	slices.SortFunc(p.stale, func(a, b leaver) int { return strings.Compare(a.Name, b.Name) })
	return p
}

// take puts the decision of placement into the pools.
func (p *plan) take(placed placement.Output, wanted int32, now time.Time) {
	p.replicas, p.unplaced, p.spilled = wanted-placed.Unplaced, placed.Unplaced, placed.Spilled
	p.moves = placed.Notes
	if !placed.Next.IsZero() && !p.isHeld() {
		p.lookAgainIn(max(placed.Next.Sub(now), time.Millisecond))
	}
	for i := range p.pools {
		p.pools[i].replicas, p.pools[i].hold = placed.Replicas[i], placed.Holds[i]
	}
}

// set is how many pods the Deployment is to have: what is wanted, or what an autoscaler made of it.
func (p *poolPlan) set() int32 {
	if p.rival != nil {
		return p.rival.replicas
	}
	return p.replicas
}

// isHeld tells whether nothing is applied: then what was decided is not remembered either.
func (p *plan) isHeld() bool { return p.stalled != nil || p.paused }

// poolTuning is the tuner's newest word, else what status kept over a restart, else the start value.
func poolTuning(object *v1alpha1.AirCacheDeployment, tuned TuningResult, pool string, b render.Bounds) v1alpha1.PoolTuning {
	if result, ok := tuned.Pools[pool]; ok && result.Tuning.TargetPermille > 0 {
		return inWholeSeconds(result.Tuning)
	}
	if before := poolStatus(object.Status.Pools, pool); before != nil && before.Tuning.TargetPermille > 0 {
		return before.Tuning
	}
	return render.StartTuning(b)
}

// inWholeSeconds is t as the API server gives it back, so that comparing with status finds no difference where there is none.
func inWholeSeconds(t v1alpha1.PoolTuning) v1alpha1.PoolTuning {
	if t.LastChangeTime != nil {
		t.LastChangeTime = ptr.To(t.LastChangeTime.Rfc3339Copy())
	}
	t.Reason = clip(t.Reason, 64)
	return t
}

func poolStatus(pools []v1alpha1.PoolStatus, name string) *v1alpha1.PoolStatus {
	for i := range pools {
		if pools[i].Name == name {
			return &pools[i]
		}
	}
	return nil
}
