package render

import (
	"cmp"
	"slices"

	resourcev1 "k8s.io/api/resource/v1"

	"aircache.dev/aircache/api/v1alpha1"
)

// AnyPool is the name of the one pool of an object with placement.strategy Any.
const AnyPool = "any"

// Pool is a set of equal pods, one Deployment: those of one GPU type with its class resolved, or, with AnyOf, those that run on any of
// several types.
type Pool struct {
	Type  *v1alpha1.GPUType
	Class *v1alpha1.GPUClassSpec // nil when the type names none
	AnyOf []Pool                 // placement.strategy Any: every type, in order; Type and Class are the first one's
}

// Pools are the pools of an object, in order: one for each GPU type, or one for all with placement.strategy Any. classes holds the GPU
// classes by name; a type whose class is missing has none.
func Pools(spec *v1alpha1.AirCacheDeploymentSpec, classes map[string]*v1alpha1.GPUClass) []Pool {
	pools := make([]Pool, 0, len(spec.GPUTypes))
	for i := range spec.GPUTypes {
		pool := Pool{Type: &spec.GPUTypes[i]}
		if class := classes[pool.Type.GPUClassName]; class != nil {
			pool.Class = &class.Spec
		}
		pools = append(pools, pool)
	}
	if spec.Placement.Strategy != v1alpha1.PlacementAny || len(pools) == 0 {
		return pools
	}
	return []Pool{{Type: pools[0].Type, Class: pools[0].Class, AnyOf: pools}}
}

// Name is the GPU type's, or AnyPool.
func (p Pool) Name() string {
	if p.AnyOf != nil {
		return AnyPool
	}
	return p.Type.Name
}

// Members are the pool's GPU types: itself, or those that its pods may run on.
func (p Pool) Members() []Pool {
	if p.AnyOf != nil {
		return p.AnyOf
	}
	return []Pool{p}
}

// MissesClass tells whether a GPU class that the pool names was not found.
func (p Pool) MissesClass() bool {
	return slices.ContainsFunc(p.Members(), func(m Pool) bool { return m.Type.GPUClassName != "" && m.Class == nil })
}

// IsCPU tells whether the pods take no GPU.
func (p Pool) IsCPU() bool { return p.Type.GPUs() == 0 }

// ResourceName is the extended resource that counts the pods' GPUs. That of a DeviceClass has the scheduler make a ResourceClaim for the
// pod (KEP-5004): the operator needs neither claim templates nor a right to them.
func (p Pool) ResourceName() string {
	if p.Class == nil {
		return v1alpha1.DefaultResourceName
	}
	if name := p.Class.DeviceClassName; name != "" {
		return resourcev1.ResourceDeviceClassPrefix + name
	}
	return cmp.Or(p.Class.ResourceName, v1alpha1.DefaultResourceName)
}

// Bounds is the range of the retention of a pool and where it starts.
type Bounds struct {
	FloorPermille, CeilingPermille, StartPermille int32
}

// PoolBounds is the strictest floor of spec, GPU types and GPU classes. A class floor above spec's maxPercent lifts the ceiling with it:
// quality wins. Example: min 10, max 40, class 50 gives floor 500, ceiling 500. The pods of strategy Any may run on each of their types,
// so the highest floor of all of them holds: types with 10 and 30 give 300.
func PoolBounds(spec *v1alpha1.AirCacheDeploymentSpec, pool Pool) Bounds {
	if spec.Cache.Policy == v1alpha1.PolicyFull {
		return Bounds{FloorPermille: 1000, CeilingPermille: 1000, StartPermille: 1000}
	}
	r := spec.Cache.Retention
	floor := r.MinPercent
	for _, member := range pool.Members() {
		if t := member.Type.Retention; t != nil && t.MinPercent != nil {
			floor = max(floor, *t.MinPercent)
		}
		if member.Class != nil && member.Class.MinRetentionPercent != nil {
			floor = max(floor, *member.Class.MinRetentionPercent)
		}
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
