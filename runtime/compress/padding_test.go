package compress

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fixedPolicy ranks the rows that it is shown by fixed scores.
type fixedPolicy struct {
	Full
	heads [][]float32
}

func (f fixedPolicy) Rank(p Prompt, _ int, _ Scorer) (Ranking, error) {
	heads := make([][]float32, len(f.heads))
	for h, scores := range f.heads {
		heads[h] = scores[:len(p.Visual)]
	}
	return RankHeads(heads)
}

func TestPaddingIsRankedLast(t *testing.T) {
	for _, c := range []struct {
		name            string
		visual, padding []int32
		heads           [][]float32
		orders          [][]int32
		recall          []float64
	}{
		{"the worked example", []int32{5, 6, 7, 8}, []int32{6}, [][]float32{{.1, .4, .2}}, [][]int32{{2, 3, 0, 1}}, []float64{0, 4. / 7, 6. / 7, 1, 1}},
		{"no padding", []int32{5, 6, 7}, nil, [][]float32{{.1, .4, .2}}, [][]int32{{1, 2, 0}}, []float64{0, 4. / 7, 6. / 7, 1}},
		{"padding at both ends", []int32{1, 2, 3, 4}, []int32{1, 4}, [][]float32{{.25, .75}}, [][]int32{{2, 1, 0, 3}}, []float64{0, .75, 1, 1, 1}},
		{"each head has its own order, and the same padding", []int32{1, 2, 3}, []int32{2}, [][]float32{{.25, .75}, {1, 0}}, [][]int32{{2, 0, 1}, {0, 2, 1}}, []float64{0, .875, 1, 1}},
		{"nothing but padding is ranked as it is", []int32{1, 2}, []int32{1, 2}, [][]float32{{.25, .75}}, [][]int32{{1, 0}}, []float64{0, .75, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := RankLayer(fixedPolicy{heads: c.heads}, Prompt{Rows: 10, Visual: c.visual, Padding: c.padding}, 0, nil)
			if err != nil || !slices.EqualFunc(r.orders, c.orders, slices.Equal[[]int32]) {
				t.Fatalf("orders %v, %v, want %v", r.orders, err, c.orders)
			}
			for k, want := range c.recall {
				if got := r.Recall(k); !near(got, want) {
					t.Errorf("recall of %d rows is %v, want %v", k, got, want)
				}
			}
		})
	}
}

// padded is a prompt with padding drawn by chance, ranked by a policy as an engine does it.
func padded(t *testing.T, policy Policy, p Prompt, layers []*layer) []Ranking {
	t.Helper()
	observed, whole := policy.Observes(p)
	if whole != "" {
		t.Fatal(whole)
	}
	var rankings []Ranking
	for i, l := range layers {
		l.observed, l.visual = observed, p.Shown()
		r, err := RankLayer(policy, p, i, l)
		if err != nil {
			t.Fatalf("%s: %v", policy.Name(), err)
		}
		rankings = append(rankings, r)
	}
	return rankings
}

func drawPadding(r *rand.Rand, p Prompt) []int32 {
	var rows []int32
	for _, row := range p.Visual {
		if r.IntN(4) == 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

func TestUnderEveryPolicyPaddingGoesFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	for range 4 {
		p, layers := randomCase(r, 1+r.IntN(5))
		p.Padding = drawPadding(r, p)
		isPadding := func(v int32) bool { return slices.Contains(p.Padding, p.Visual[v]) }
		shown := len(p.Shown())
		for _, policy := range everyPolicy() {
			rankings := padded(t, policy, p, layers)
			for _, permille := range []int{1, 50, 333, 800, 999} {
				q := Quota{Visual: len(p.Visual), Layers: len(layers), Permille: permille}
				plan := Decide(policy, rankings, q)
				checkPlan(t, policy.Name(), p, plan, q)
				for l, selection := range plan.Kept {
					for _, kept := range selection {
						got := len(kept) - len(slices.DeleteFunc(slices.Clone(kept), isPadding))
						if want := max(0, plan.Budgets[l]-shown); got != want {
							t.Errorf("%s at %d permille: layer %d keeps %d rows of padding in a budget of %d, %d rows are shown, want %d",
								policy.Name(), permille, l, got, plan.Budgets[l], shown, want)
						}
					}
				}
				if cascaded := NewCascade(policy, q); len(rankings) > 0 {
					for _, ranking := range rankings {
						cascaded.Add(ranking)
					}
					checkSelections(t, policy.Name(), cascaded.Plan(), isPadding, shown)
				}
			}
		}
	}
}

// checkSelections holds for plans of a cascade, whose budgets may be a bit under the quota.
func checkSelections(t *testing.T, name string, plan Plan, isPadding func(int32) bool, shown int) {
	t.Helper()
	for l, selection := range plan.Kept {
		for _, kept := range selection {
			if slices.ContainsFunc(kept, isPadding) && len(kept) <= shown {
				t.Errorf("%s: layer %d keeps padding where it evicts what is shown: %v", name, l, kept)
			}
		}
	}
}

// What lies in the padding draws no importance and no key of it counts, however large.
func TestAirCacheDoesNotSeeThePadding(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	p, layers := randomCase(r, 3)
	p.Padding = drawPadding(r, p)
	policy := AirCache{Paper()}
	before := padded(t, policy, p, layers)
	for _, l := range layers {
		for _, row := range p.Padding {
			for i := range l.keys[row] {
				l.keys[row][i] *= 100
			}
		}
	}
	for l, after := range padded(t, policy, p, layers) {
		if !slices.EqualFunc(after.orders, before[l].orders, slices.Equal[[]int32]) || after.Moments != before[l].Moments {
			t.Errorf("layer %d: %+v, before %+v", l, after.Moments, before[l].Moments)
		}
	}
}

func TestTheScorersErrorIsTheLayersAlsoWithPadding(t *testing.T) {
	p := prompt()
	p.Padding = p.Visual[:10]
	s := someScores(1) // for 100 rows, of which 90 are shown
	if _, err := RankLayer(AirCache{Paper()}, p, 0, scoresAt{s, 0}); err == nil || !strings.Contains(err.Error(), "100 scores for 90 rows") {
		t.Errorf("got %v", err)
	}
}
