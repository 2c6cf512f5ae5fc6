package engine

import (
	"math"
	"testing"
)

func TestDivergence(t *testing.T) {
	ln3, inf := float32(math.Log(3)), float32(math.Inf(-1))
	for _, c := range []struct {
		name string
		p, q []float32
		want float64
	}{
		{"the example of the comment", []float32{0, 0}, []float32{0, ln3}, .5*math.Log(2) + .5*math.Log(2./3)},
		{"the same", []float32{3, 1, 2}, []float32{3, 1, 2}, 0},
		{"the same but for a constant", []float32{3, 1}, []float32{103, 101}, 0},
		{"a token that p never chooses", []float32{0, inf}, []float32{0, 0}, math.Log(2)},
	} {
		if got := divergence(c.p, c.q); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
