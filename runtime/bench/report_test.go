package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPeersStandBesideTheSameCase(t *testing.T) {
	p, err := ReadPeers(strings.NewReader(`{"device":"NVIDIA H100","ceilings":{"bytes_per_second":3e12},"figures":[
	 {"peer":"torch graph","what":"decode","metric":"step","batch":8,"visual":8192,"text":64,"permille":100,"unit":"ms","value":7.9},
	 {"peer":"torch graph","what":"decode","metric":"step","batch":8,"visual":8192,"text":64,"permille":1000,"unit":"ms","value":9.1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f := Figure{Case: Case{What: "decode", Metric: "step", Batch: 8, Visual: 8192, Text: 64, Permille: 100}, Unit: "ms", Value: 5}
	if p.beside(&f); len(f.Peers) != 1 || f.Peers["torch graph"] != 7.9 {
		t.Errorf("the peers are %v, torch graph with 7.9 wanted", f.Peers)
	}
	other := Figure{Case: Case{What: "decode", Metric: "step", Batch: 16}, Unit: "ms"}
	if p.beside(&other); other.Peers != nil {
		t.Errorf("%v stand beside another case", other.Peers)
	}
}

func TestWrongPeersAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{": "reading peers",
		`{"figures":[{"peer":"x","what":"decode","metric":"step","unit":"ms","value":0}]}`: "figure 0 needs",
		`{"ceilings":{"flops_per_second":-3}}`:                                             "flops is -3",
	} {
		if _, err := ReadPeers(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, the error should say %q", text, err, want)
		}
	}
}

func TestMedianAndTenths(t *testing.T) {
	values := []float64{9, 1, 8, 2, 7, 3, 6, 4, 5, 0, 10}
	if m, lo, hi := spread(values); m != 5 || lo != 1 || hi != 9 {
		t.Errorf("%g, %g, %g; 5, 1 and 9 wanted", m, lo, hi)
	}
	if m, _, _ := spread(nil); m != 0 {
		t.Errorf("%g of nothing, 0 wanted", m)
	}
}

func TestArrivalsArePoissonAndTheSameForASeed(t *testing.T) {
	draw := func() []time.Duration { return arrivals(rand.New(rand.NewPCG(3, 3)), 4000, 20) }
	at := draw()
	if !slices.Equal(at, draw()) || !slices.IsSorted(at) {
		t.Error("arrivals should rise, and be the same for a seed")
	}
	if got := at[len(at)-1].Seconds(); math.Abs(got-200) > 12 { // 4000 at 20 a second; the deviation of the sum is 3.2 s
		t.Errorf("4000 requests took %g s to arrive, 200 wanted", got)
	}
	long := 0
	for i := 1; i < len(at); i++ {
		if at[i]-at[i-1] > 50*time.Millisecond { // longer than the mean: exp(-1) of all
			long++
		}
	}
	if share := float64(long) / 4000; math.Abs(share-math.Exp(-1)) > 0.03 {
		t.Errorf("%.3f of the gaps are above the mean, 0.368 wanted", share)
	}
}
