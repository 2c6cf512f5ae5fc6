package cpu

import (
	"math"
	"testing"
)

func TestExpIsCloseEverywhere(t *testing.T) {
	for x := -87.0; x <= 88; x += 0.0007 {
		want := math.Exp(float64(float32(x)))
		if got := float64(exp(float32(x))); math.Abs(got-want) > 3e-7*want {
			t.Fatalf("exp(%g) is %g, %g wanted", x, got, want)
		}
	}
}

func TestExpAtTheEnds(t *testing.T) {
	inf := float32(math.Inf(1))
	for x, want := range map[float32]float32{0: 1, -88: 0, -inf: 0, 89: inf, inf: inf} {
		if got := exp(x); got != want {
			t.Errorf("exp(%g) is %g, %g wanted", x, got, want)
		}
	}
	if got := exp(float32(math.NaN())); got == got {
		t.Errorf("exp(NaN) is %g", got)
	}
}
