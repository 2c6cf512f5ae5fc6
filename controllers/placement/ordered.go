package placement

import (
	"aircache.dev/aircache/api/v1alpha1"
)

// Ordered fills each GPU type up to its maxReplicas before the next one gets any. The result has one number per type; rest is what no
// type may take. Example: 5 replicas over types of at most 2, 2 and no limit give 2, 2, 1.
func Ordered(replicas int32, types []v1alpha1.GPUType) (perType []int32, rest int32) {
	perType, rest = make([]int32, len(types)), replicas
	for i, t := range types {
		take := rest
		if t.MaxReplicas != nil {
			take = min(take, *t.MaxReplicas)
		}
		perType[i], rest = take, rest-take
	}
	return perType, rest
}
