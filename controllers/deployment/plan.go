package deployment

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/placement"
	"aircache.dev/aircache/controllers/render"
)

// plan is what one reconcile decided; it is made of the object and the world alone.
type plan struct {
	pools     []poolPlan
	replicas  int32                // placed over the pools
	unplaced  int32                // wanted, but no type may take them
	stale     []*appsv1.Deployment // of GPU types that left spec
	stalled   *finding             // nothing is applied while set
	paused    bool                 // nor while true
	pending   []string             // what a pause keeps from being applied
	lookAgain time.Duration        // when to reconcile though nothing happened; 0 is never
	operator  render.Operator
}

// poolPlan is one GPU type with what is wanted of it.
type poolPlan struct {
	render.Pool
	name     string // of the Deployment
	replicas int32
	bounds   render.Bounds
	tuning   v1alpha1.PoolTuning
	template render.Template // pinTemplates sets it, and what follows
	revision int64
	upgrade  string // what this operator would change of the template
	inPlace  bool   // a pod goes before its successor comes; rollOut sets it, and what follows
	adaptive bool
}

// wanted is what spec asks for.
func (p *plan) wanted() int32 { return p.replicas + p.unplaced }

func makePlan(object *v1alpha1.AirCacheDeployment, seen *world, operator render.Operator) *plan {
	p := &plan{
		stalled: firstProblem(input{object, seen, operator.RuntimeImage}),
		paused:  object.Spec.Paused, operator: operator,
	}
	wanted := ptr.Deref(object.Spec.Replicas, 1)
	perType, rest := []int32{wanted}, int32(0) // strategy Any: one pool
	if object.Spec.Placement.Strategy != v1alpha1.PlacementAny {
		perType, rest = placement.Ordered(wanted, object.Spec.GPUTypes)
	}
	p.replicas, p.unplaced = wanted-rest, rest
	names := map[string]bool{}
	for i, of := range render.Pools(&object.Spec, seen.classes) {
		pool := poolPlan{Pool: of, name: render.DeploymentName(object.Name, of.Name()), replicas: perType[i]}
		pool.bounds = render.PoolBounds(&object.Spec, pool.Pool)
		pool.tuning = poolTuning(object, seen.tuned, of.Name(), pool.bounds)
		p.pools = append(p.pools, pool)
		names[pool.name] = true
	}
	for name, d := range seen.deployments {
		if !names[name] {
			p.stale = append(p.stale, d)
		}
	}
	slices.SortFunc(p.stale, func(a, b *appsv1.Deployment) int { return strings.Compare(a.Name, b.Name) })
	return p
}

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
