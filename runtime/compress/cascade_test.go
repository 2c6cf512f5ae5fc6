package compress

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(31, 32)) }

func TestTheExampleOfACascade(t *testing.T) {
	o := Defaults()
	o.LayerBudget = Strength
	c := NewCascade(AirCache{o}, Quota{Visual: 100, Layers: 4, Permille: 100})
	want := [][]int{{41}, {21, 21}, {11, 11, 21}, {5, 5, 10, 20}}
	for l, s := range []float64{1, 1, 2, 4} {
		r := rank(t, make([]float32, 100)...)
		r.Strength = s
		if got := c.Add(r); !slices.Equal(got, want[l]) {
			t.Errorf("after layer %d: %v, want %v", l, got, want[l])
		}
	}
}

// peakedRankings look like attention: few rows have most of it; layers differ in sharpness and strength.
func peakedRankings(t testing.TB, r *rand.Rand, layers, n int) []Ranking {
	seen := make([]Ranking, layers)
	for l := range seen {
		scores := peaked(r, n)
		for v := range scores {
			scores[v] *= scores[v] * (.1 + r.Float32())
		}
		seen[l] = rank(t, scores...)
		seen[l].Strength *= .2 + r.Float64()
	}
	return seen
}

// While the quota is one layer's rows or less, nothing that was evicted would have come back: the cascade keeps what one shot
// keeps, and on the way never more than the quota and a row a layer.
func TestCascadeIsOneShot(t *testing.T) {
	r := newRand()
	for range 400 {
		layers, n := 1+r.IntN(30), 64+r.IntN(500)
		q := Quota{Visual: n, Layers: layers, Permille: 1 + r.IntN(max(1, 1000/layers))}
		seen := peakedRankings(t, r, layers, n)
		for _, policy := range everyPolicy() {
			runCascade(t, policy, seen, q, true)
		}
	}
}

// Above that a share may grow where a newcomer is clipped; the cascade then keeps less than one shot, never more, and how much
// less is told.
func TestCascadeAtHighRetentions(t *testing.T) {
	r := newRand()
	updates, lost, kept := 0, 0, 0
	for range 300 {
		layers, n := 2+r.IntN(30), 64+r.IntN(500)
		q := Quota{Visual: n, Layers: layers, Permille: 1 + r.IntN(1000)}
		seen := peakedRankings(t, r, layers, n)
		for _, policy := range everyPolicy() {
			missing := runCascade(t, policy, seen, q, false)
			updates, lost, kept = updates+layers, lost+missing, kept+q.Total(layers)
		}
	}
	t.Logf("%d layer updates; %d of %d rows are lost to shares that would have grown", updates, lost, kept)
	if lost*10000 > kept {
		t.Errorf("%d of %d rows are lost", lost, kept)
	}
}

// runCascade returns how many rows the cascade keeps fewer than one shot.
func runCascade(t *testing.T, p Policy, seen []Ranking, q Quota, equal bool) int {
	t.Helper()
	c := NewCascade(p, q)
	last := []int{}
	for m, r := range seen {
		now := c.Add(r)
		sum := 0
		for l, k := range now {
			sum += k
			if l < len(last) && k > last[l] || k > q.Visual || k < q.Least() {
				t.Fatalf("%s %+v: layer %d keeps %d after layer %d, %v before", p.Name(), q, l, k, m, last)
			}
		}
		if most := q.Total(m+1) + m + 1; sum > most {
			t.Fatalf("%s %+v: %d rows after layer %d, at most %d", p.Name(), q, sum, m, most)
		}
		last = slices.Clone(now)
	}
	plan, want := c.Plan(), Decide(p, seen, q)
	missing := 0
	for l := range want.Budgets {
		missing += want.Budgets[l] - plan.Budgets[l]
		if plan.Budgets[l] > want.Budgets[l] {
			t.Fatalf("%s %+v: the cascade keeps %v, one shot %v", p.Name(), q, plan.Budgets, want.Budgets)
		}
	}
	if equal && (missing != 0 || !slices.EqualFunc(plan.Kept, want.Kept, sameSelection)) {
		t.Errorf("%s %+v: the cascade keeps %v, one shot %v", p.Name(), q, plan.Budgets, want.Budgets)
	}
	return missing
}
