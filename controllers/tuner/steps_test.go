package tuner

import (
	"math"
	"math/rand/v2"
	"testing"
)

// law is a pool's true step time.
func law(kv, batch float64) float64 { return 0.018 + 66e-9*kv + 100e-6*batch }

// stepsOf are the sums of a window of hundred steps.
func stepsOf(seconds, kv, batch float64) StepSums {
	return StepSums{Count: 100, Seconds: 100 * seconds, KVTokens: 100 * kv, Batch: 100 * batch}
}

func TestStepsAreLearned(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var k StepModel
	for range 200 {
		batch := 5 + 60*random.Float64()
		kv := batch * (500 + 4000*random.Float64())
		k = k.learned(stepsOf(law(kv, batch)*(1+0.02*random.NormFloat64()), kv, batch), 15)
	}
	for i, want := range [3]float64{0.018, 66e-6, 100e-6} {
		if math.Abs(k.Theta[i]-want) > 0.15*want {
			t.Errorf("number %d is %g, the law has %g", i, k.Theta[i], want)
		}
	}
	change, deviation := k.difference([3]float64{0, -100, 0})
	if math.Abs(change+0.0066) > 3*deviation || deviation > 0.001 {
		t.Errorf("100 thousand tokens fewer save %g +- %g s, the law says 0.0066", -change, deviation)
	}
}

func TestTheFirstStepIsSplitAndNotTrusted(t *testing.T) {
	k := StepModel{}.learned(stepsOf(0.030, 60e3, 20), 15)
	want := [3]float64{0.010, 0.010 / 60, 0.0005}
	for i := range want {
		if math.Abs(k.Theta[i]-want[i]) > 1e-9 {
			t.Errorf("got %v, want %v", k.Theta, want)
		}
	}
	change, deviation := k.difference([3]float64{0, -30, 0})
	if math.Abs(change+0.005) > 1e-9 || math.Abs(deviation-0.015) > 1e-9 || k.isKnown() {
		t.Errorf("half of the tokens save %g +- %g s", -change, deviation)
	}
}

func TestAStallIsNoLaw(t *testing.T) {
	var k StepModel
	for i := range 50 {
		batch := float64(10 + i%20)
		k = k.learned(stepsOf(law(1500*batch, batch), 1500*batch, batch), 15)
	}
	before := k.Theta
	k = k.learned(stepsOf(30, 40e3, 25), 15)
	for i := range before {
		if math.Abs(k.Theta[i]-before[i]) > 0.05*before[0] {
			t.Errorf("one window of 30 s steps moved %v to %v", before, k.Theta)
		}
	}
}

func TestAConstantLoadForgetsNothing(t *testing.T) {
	var k StepModel
	for i := range 50 {
		batch, tokens := float64(10+i%20), float64(500+100*(i%7))
		k = k.learned(stepsOf(law(tokens*batch, batch), tokens*batch, batch), 15)
	}
	_, before := k.difference([3]float64{0, -10, 0})
	for range 4 * 3600 / 15 {
		k = k.learned(stepsOf(law(20e3, 20), 20e3, 20), 15)
	}
	if _, after := k.difference([3]float64{0, -10, 0}); after > 2*before {
		t.Errorf("four hours of one load made the deviation %g, it was %g", after, before)
	}
}

func TestANewCardIsFollowed(t *testing.T) {
	var k StepModel
	for phase := range 2 {
		for i := range 400 {
			batch, tokens := float64(10+i%20), float64(500+100*(i%7))
			k = k.learned(stepsOf(float64(1+phase)*law(tokens*batch, batch), tokens*batch, batch), 15)
		}
	}
	if got := dot(k.Theta, [3]float64{1, 20, 20}); math.Abs(got-2*law(20e3, 20)) > 0.1*law(20e3, 20) {
		t.Errorf("on a card of half the speed a step is predicted as %g s, it takes %g", got, 2*law(20e3, 20))
	}
}
