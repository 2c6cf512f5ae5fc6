package cpu

import (
	"math"
	"testing"
)

func TestExpIsCloseEverywhere(t *testing.T) {
	const shift = 3
	for x := -87.0; x <= 88; x += 0.0007 {
		v := []float32{float32(x) + shift, shift}
		want := math.Exp(float64(v[0] - shift))
		sum := expShifted(v, shift)
		if math.Abs(float64(v[0])-want) > 3e-7*want || v[1] != 1 {
			t.Fatalf("exp(%g) is %g, %g wanted; exp(0) is %g", x, v[0], want, v[1])
		}
		if sum != v[0]+v[1] {
			t.Fatalf("the sum of %g and %g is %g", v[0], v[1], sum)
		}
	}
}

func TestExpAtTheEnds(t *testing.T) {
	v := []float32{-100, float32(math.Inf(-1)), float32(math.NaN())}
	expShifted(v, 0)
	if tiny := math.Exp(-87); math.Abs(float64(v[0])-tiny) > 1e-6*tiny || v[1] != v[0] {
		t.Errorf("exp(-100) is %g, exp(-Inf) is %g, %g wanted", v[0], v[1], tiny)
	}
	if v[2] == v[2] {
		t.Errorf("exp(NaN) is %g", v[2])
	}
}
