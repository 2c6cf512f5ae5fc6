package placement

import (
	"math"
)

// unlimited is the limit of a type without one.
const unlimited = math.MaxInt32

// fill gives each type as much as it may take before the next one gets any; rest is what no type may take. Example: 5 replicas over
// types of at most 2, 2 and no limit give 2, 2, 1.
func fill(replicas int32, limits []int32) (perType []int32, rest int32) {
	perType, rest = make([]int32, len(limits)), replicas
	for i, limit := range limits {
		perType[i] = min(rest, limit)
		rest -= perType[i]
	}
	return perType, rest
}

func maxima(types []Type) []int32 {
	limits := make([]int32, len(types))
	for i, t := range types {
		limits[i] = unlimited
		if t.Max != nil {
			limits[i] = *t.Max
		}
	}
	return limits
}
