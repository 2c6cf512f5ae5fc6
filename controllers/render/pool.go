package render

import (
	"aircache.dev/aircache/api/v1alpha1"
)

// Pool is one GPU type of an object with its class resolved.
type Pool struct {
	Type  *v1alpha1.GPUType
	Class *v1alpha1.GPUClassSpec // nil when the type names none
}

// IsCPU tells whether the pods take no GPU.
func (p Pool) IsCPU() bool { return p.Type.GPUs() == 0 }

// Bounds is the range of the retention of a pool and where it starts.
type Bounds struct {
	FloorPermille, CeilingPermille, StartPermille int32
}

// PoolBounds is the strictest floor of spec, GPU type and GPU class. A class floor above spec's maxPercent lifts the ceiling with it:
// quality wins. Example: min 10, max 40, class 50 gives floor 500, ceiling 500.
func PoolBounds(spec *v1alpha1.AirCacheDeploymentSpec, pool Pool) Bounds {
	if spec.Cache.Policy == v1alpha1.PolicyFull {
		return Bounds{FloorPermille: 1000, CeilingPermille: 1000, StartPermille: 1000}
	}
	r := spec.Cache.Retention
	floor := r.MinPercent
	if t := pool.Type.Retention; t != nil && t.MinPercent != nil {
		floor = max(floor, *t.MinPercent)
	}
	if pool.Class != nil && pool.Class.MinRetentionPercent != nil {
		floor = max(floor, *pool.Class.MinRetentionPercent)
	}
	ceiling := max(r.MaxPercent, floor)
	start := ceiling
	if r.Percent != nil {
		start = max(*r.Percent, floor)
	}
	return Bounds{FloorPermille: 10 * floor, CeilingPermille: 10 * ceiling, StartPermille: 10 * start}
}

// StartTuning is what a pool is asked for before the tuner has looked at it.
func StartTuning(b Bounds) v1alpha1.PoolTuning {
	return v1alpha1.PoolTuning{
		TargetPermille: b.StartPermille, LowerBoundPermille: b.FloorPermille, UpperBoundPermille: b.CeilingPermille,
		LastKnownGoodPermille: b.StartPermille, Revision: 1, Epoch: 1, Reason: "Start",
	}
}
