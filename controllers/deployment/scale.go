package deployment

import (
	"fmt"

	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/placement"
	"aircache.dev/aircache/controllers/render"
)

// managed is autoscaling of mode Managed; nil when spec.replicas counts.
func managed(spec *v1alpha1.AirCacheDeploymentSpec) *v1alpha1.AutoscalingSpec {
	if a := spec.Autoscaling; a != nil && a.Mode == v1alpha1.AutoscalingManaged {
		return a
	}
	return nil
}

// wantedReplicas is how many pods there should be in all: what spec says, or in mode Managed what the tuner recommends for the pools
// together, within the bounds. The tuner is quick to ask for more and waits before it gives one back (controllers/tuner, rule 7), so what it
// says is taken as it is. A pool without a word of its own keeps what it has.
//
//	pools of 2 and 1 pods, 3 recommended for the first, minReplicas 1, maxReplicas 8: 3 + 1 = 4
func wantedReplicas(object *v1alpha1.AirCacheDeployment, seen *world, pools []render.Pool) int32 {
	a := managed(&object.Spec)
	if a == nil {
		return ptr.Deref(object.Spec.Replicas, 1)
	}
	sum, kept := int32(0), int32(0)
	for _, pool := range pools {
		before := poolStatus(object.Status.Pools, pool.Name())
		if before == nil || before.DesiredReplicas == 0 {
			continue // what was learned of pods that are gone says nothing
		}
		kept += before.DesiredReplicas
		n := before.DesiredReplicas
		if word := recommended(seen.tuned, pool.Name(), before); word > 0 {
			n = word
		}
		sum += n
	}
	if extra := kept - object.Status.DesiredReplicas; extra > 0 {
		sum = max(sum-extra, object.Status.DesiredReplicas) // a move or a probe has a pod too many for a while, which nobody asked for
	}
	return min(max(sum, ptr.Deref(a.MinReplicas, 1)), ptr.Deref(a.MaxReplicas, 1))
}

// recommended is the tuner's newest word, else what status kept over a restart. A word about another number of pods than the pool is to
// have by now is none: after a spill it would count those that have moved once more.
func recommended(tuned TuningResult, pool string, before *v1alpha1.PoolStatus) int32 {
	if result, ok := tuned.Pools[pool]; ok && result.Tuning.RecommendedReplicas > 0 {
		if result.SaidOfReplicas != before.DesiredReplicas {
			return 0
		}
		return result.Tuning.RecommendedReplicas
	}
	return before.Tuning.RecommendedReplicas
}

// scaled is the event of a change that mode Managed makes.
func scaled(object *v1alpha1.AirCacheDeployment, wanted int32) []placement.Note {
	before := object.Status.DesiredReplicas
	if managed(&object.Spec) == nil || object.Status.ObservedGeneration < 0 || before == wanted {
		return nil
	}
	action := "ScaledOut"
	if wanted < before {
		action = "ScaledIn"
	}
	return []placement.Note{{Action: action, Text: fmt.Sprintf("replicas %d -> %d, as the tuner recommends within %d to %d", before, wanted,
		ptr.Deref(object.Spec.Autoscaling.MinReplicas, 1), ptr.Deref(object.Spec.Autoscaling.MaxReplicas, 1))}}
}
