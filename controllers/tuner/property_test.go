package tuner

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// noisyLoad is a constant load with up to +-5 % of noise, the same for the same seed.
func noisyLoad(seed uint64, rate float64) func() float64 {
	random := rand.New(rand.NewPCG(seed, 7))
	return func() float64 { return rate * (0.95 + 0.1*random.Float64()) }
}

func TestConstantLoadMakesNoLimitCycle(t *testing.T) {
	for seed := range uint64(2) {
		for _, rate := range []float64{2, 6, 9, 10, 11, 14, 20, 30} {
			for _, interval := range []float64{2, 5, 15} {
				t.Run(fmt.Sprintf("%v requests a second, looked at every %v s, seed %d", rate, interval, seed), func(t *testing.T) {
					d := &drive{t: t, target: demoTarget(), plant: newPlant()}
					d.target.IntervalSeconds = interval
					load := noisyLoad(seed, rate)
					for d.plant.now < 1800 {
						d.spend(interval, load())
					}
					d.changes = nil
					for d.plant.now < 2*3600 {
						d.spend(interval, load())
					}
					// An hour and a half of the same load: a value that swings would turn dozens of times.
					if turns := turns(d.changes); turns > 2 {
						t.Errorf("the value turned %d times in %d changes", turns, len(d.changes))
						for _, c := range d.changes {
							t.Log(c.Message)
						}
					}
				})
			}
		}
	}
}

// turns counts the changes of direction.
func turns(changes []Decision) (n int) {
	for i := 1; i < len(changes); i++ {
		if changes[i].Action != changes[i-1].Action {
			n++
		}
	}
	return n
}

func TestMaximumIsReachedAgainAfterTheLoad(t *testing.T) {
	for _, rate := range []float64{11, 20, 60} {
		d := &drive{t: t, target: demoTarget(), plant: newPlant()}
		d.spend(120, rate)
		if d.state.TargetPermille == 1000 {
			t.Fatalf("%v requests a second did not lower the retention", rate)
		}
		d.spend(1200, 0)
		if d.state.TargetPermille != 1000 {
			t.Errorf("20 minutes after %v requests a second the retention is %d", rate, d.state.TargetPermille)
		}
	}
}

func TestLoadThatFitsCompressedIsServedWithoutPressure(t *testing.T) {
	for _, rate := range []float64{11, 14, 20} {
		d := &drive{t: t, target: demoTarget(), plant: newPlant()}
		d.spend(600, rate)
		if p := d.plant.load(); p.Peak >= d.target.high() || p.Waiting > 0 {
			t.Errorf("10 minutes into %v requests a second: %+v at %d permille", rate, p, d.state.TargetPermille)
		}
		needed := rate * d.plant.answer / d.plant.speed // requests at once
		best := 1000 * (d.target.high()*d.plant.pool/needed - d.plant.text - d.plant.answer/2) / d.plant.visual
		if float64(d.state.TargetPermille) < 0.75*math.Min(best, 1000) {
			t.Errorf("%v requests a second are served at %d permille, the plant allows %.0f", rate, d.state.TargetPermille, best)
		}
	}
}

func TestShockIsAnsweredInTheFirstWindowThatShowsIt(t *testing.T) {
	d := &drive{t: t, target: demoTarget(), plant: newPlant()}
	d.target.IntervalSeconds = 2
	d.spend(60, 4)
	d.plant.run(2, 30)
	before := d.plant.now
	for d.state.TargetPermille == 1000 && d.plant.now < before+30 {
		d.spend(2, 30)
	}
	if took := d.plant.now - before; took > 5 {
		t.Errorf("the first cut came %.0f s after the shock", took)
	}
}

// TestInvariants throws random samples and targets at a long-lived state.
func TestInvariants(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := make([]byte, 4096)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		checkInvariants(t, b)
	}
}

func FuzzNext(f *testing.F) {
	f.Add(make([]byte, 256))
	f.Add([]byte("retention and replicas from observed latency and memory, held inside its bounds whatever comes"))
	f.Fuzz(checkInvariants)
}

// checkInvariants reads targets and samples out of data until it ends.
func checkInvariants(t *testing.T, data []byte) {
	in := source(data)
	var s State
	for len(in) > 0 {
		target, sample := in.target(), in.sample()
		n := target.normalized()
		before := s
		var d Decision
		s, d = Next(target, s, sample)
		if s.TargetPermille < n.FloorPermille || s.TargetPermille > n.MaxPermille {
			t.Fatalf("target %d is outside %d..%d", s.TargetPermille, n.FloorPermille, n.MaxPermille)
		}
		if c := s.Canary; c.isOn() && n.Mode != Fixed && (c.CandidatePermille >= s.TargetPermille || d.CandidatePermille != c.CandidatePermille) {
			t.Fatalf("%d is on trial beside %d, the decision says %d", c.CandidatePermille, s.TargetPermille, d.CandidatePermille)
		}
		if d.Reason == ReasonCanaryStarted && (s.Canary.CandidatePermille < n.FloorPermille || !n.tries()) {
			t.Fatalf("%+v was put on trial, the floor is %d", s.Canary, n.FloorPermille)
		}
		if r := d.Replicas.Recommended; r != 0 && (r < n.MinReplicas || r > n.MaxReplicas) {
			t.Fatalf("%d replicas are recommended, allowed are %d to %d", r, n.MinReplicas, n.MaxReplicas)
		}
		if d.TargetPermille != s.TargetPermille || d.LowerPermille < n.FloorPermille || d.WantPermille > 1000 || d.WantPermille < 0 {
			t.Fatalf("decision %+v does not fit state %+v", d, s)
		}
		if !s.isSound() {
			t.Fatalf("state is not sound: %+v", s)
		}
		if older(s.Applied(), before.Applied()) {
			t.Fatalf("order went back from %+v to %+v", before.Applied(), s.Applied())
		}
		sameOrder := s.Epoch == before.Epoch && s.Revision == before.Revision
		if sameOrder && before.Applied() != s.Applied() && before.Seeded && before.Applied() == before.Applied().sound() && s.Applied() != sample.Applied.sound() {
			t.Fatalf("order %d/%d changed its meaning from %d to %d", s.Epoch, s.Revision, before.TargetPermille, s.TargetPermille)
		}
		adopted := s.adopted(sample.Applied) != s || s.Applied() != before.Applied() && d.Action == Hold
		if n.Mode != Fixed && !d.Metrics.OK && before.Seeded && !adopted && d.Reason != ReasonBoundsChanged && d.Action != Hold && d.Action != Try {
			t.Fatalf("moved without metrics: %+v", d)
		}
		if d.Action == Lower && d.Reason == ReasonKVPressure && d.PreviousPermille-d.TargetPermille > n.MaxStepPermille {
			t.Fatalf("cut by %d, the step is %d", d.PreviousPermille-d.TargetPermille, n.MaxStepPermille)
		}
	}
}

func older(a, b Applied) bool {
	return a.Epoch < b.Epoch || a.Epoch == b.Epoch && a.Revision < b.Revision
}

// source turns bytes into values: most are plausible, some are wild.
type source []byte

func (in *source) byte() byte {
	if len(*in) == 0 {
		return 0
	}
	b := (*in)[0]
	*in = (*in)[1:]
	return b
}

func (in *source) number(scale float64) float64 {
	switch b := in.byte(); {
	case b < 250:
		return scale * float64(b) / 250
	case b == 250:
		return math.NaN()
	case b == 251:
		return math.Inf(1)
	case b == 252:
		return -scale
	default:
		var raw [8]byte
		for i := range raw {
			raw[i] = in.byte()
		}
		return math.Float64frombits(binary.LittleEndian.Uint64(raw[:]))
	}
}

func (in *source) permille() int32 { return int32(in.byte())*5 - 50 }

func (in *source) target() Target {
	return Target{
		Mode:          []Mode{Auto, Auto, Auto, Auto, Auto, Recommend, Fixed, "?"}[in.byte()%8],
		StartPermille: in.permille(), FloorPermille: in.permille() / 4, MaxPermille: 1000 - in.permille()/4,
		MaxStepPermille: in.permille(), KVHighPermille: in.permille(), MinRecallPermille: in.permille(), MinAgreementPermille: in.permille(),
		TTFTP95Seconds: in.number(2), ITLP95Seconds: in.number(.1), IntervalSeconds: in.number(30), StabilizationSeconds: in.number(60),
		CanaryPermille: in.permille(), OnViolation: []OnViolation{"", RaiseRetention, FullCache, HoldRetention}[in.byte()%4],
		MinReplicas: int32(in.byte() % 3), MaxReplicas: int32(in.byte() % 5),
	}
}

func (in *source) sample() Sample {
	m := Sample{
		Expected: int(in.byte() % 4), AgeSeconds: in.number(30), ElapsedSeconds: in.number(30), WindowSeconds: in.number(30),
		Hottest: Load{in.number(1), in.number(1), in.byte()%4 == 0, in.number(30), in.number(30)}, Running: in.number(30), Waiting: in.number(3),
		Finished: in.number(30), TextTokens: in.number(1e4), GeneratedTokens: in.number(1e4), VisualSeen: in.number(1e5), VisualKept: in.number(1e5),
		TTFT: Latency{in.number(2), in.number(20)}, ITL: Latency{in.number(.1), in.number(20)},
	}
	m.Agreement = Mean{in.number(1), in.number(40)}
	m.Desired = int(in.byte() % 5)
	m.Canary = CanarySample{in.number(9), Mean{in.number(1), in.number(9)}, Mean{in.number(1), in.number(40)}, in.number(9), in.number(9)}
	m.Steps = StepSums{in.number(300), in.number(10), in.number(1e7), in.number(6e3)}
	m.PrefillSeconds, m.PodSeconds = in.number(10), in.number(30)
	m.Scraped = m.Expected - int(in.byte()%8)/7
	for _, r := range []int32{10, 100, 350} {
		m.Recall = append(m.Recall, RecallPoint{r, Mean{in.number(1), in.number(20)}, in.number(1)})
	}
	if b := in.byte(); b > 200 {
		m.Applied = Applied{Epoch: int64(b % 3), Revision: int64(in.byte()), TargetPermille: in.permille(), CandidatePermille: in.permille(), CanaryPermille: in.permille()}
	}
	return m
}
