package placement

import (
	"slices"
	"testing"

	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

func TestOrdered(t *testing.T) {
	limit := func(n int32) v1alpha1.GPUType { return v1alpha1.GPUType{MaxReplicas: ptr.To(n)} }
	open := v1alpha1.GPUType{}
	for _, c := range []struct {
		name     string
		replicas int32
		types    []v1alpha1.GPUType
		want     []int32
		rest     int32
	}{
		{"one type without a limit takes all", 7, []v1alpha1.GPUType{open}, []int32{7}, 0},
		{"the next type gets what the first may not take", 5, []v1alpha1.GPUType{limit(2), open}, []int32{2, 3}, 0},
		{"a type is left out with a limit of zero", 3, []v1alpha1.GPUType{limit(0), limit(4)}, []int32{0, 3}, 0},
		{"a rest is reported when every type is full", 9, []v1alpha1.GPUType{limit(2), limit(3)}, []int32{2, 3}, 4},
		{"no replica means none anywhere", 0, []v1alpha1.GPUType{limit(2), open}, []int32{0, 0}, 0},
		{"the first type alone when it has room", 2, []v1alpha1.GPUType{limit(2), limit(2)}, []int32{2, 0}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, rest := Ordered(c.replicas, c.types)
			if !slices.Equal(got, c.want) || rest != c.rest {
				t.Errorf("got %v with rest %d, want %v with rest %d", got, rest, c.want, c.rest)
			}
		})
	}
}
