package compress

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// budgets shares among layers of given moments.
func budgets(layers []Moments, visual, permille int, how LayerBudget) []int {
	seen := make([]Ranking, len(layers))
	for l, m := range layers {
		seen[l].Moments = m
	}
	o := Defaults()
	o.LayerBudget = how
	return Budgets(AirCache{o}, seen, Quota{Visual: visual, Layers: len(layers), Permille: permille})
}

func TestBudgets(t *testing.T) {
	for _, c := range []struct {
		name     string
		layers   []Moments
		n        int
		permille int
		how      LayerBudget
		want     []int
	}{
		{"the example of the comment", []Moments{{3, 1}, {1, 1}}, 100, 100, Adaptive, []int{13, 7}},
		{"uniform looks at nothing", []Moments{{3, 9}, {1, 1}}, 100, 100, Uniform, []int{10, 10}},
		{"what does not divide goes to the lower layers", []Moments{{1, 1}, {1, 1}, {1, 1}}, 100, 105, Uniform, []int{11, 11, 10}},
		{"more skewness, more budget", []Moments{{1, 3}, {1, 1}}, 100, 100, Adaptive, []int{13, 7}},
		{"no skewness anywhere: the other half is even", []Moments{{3, 0}, {1, 0}}, 100, 100, Adaptive, []int{13, 7}},
		{"no strength anywhere: the other half is even", []Moments{{0, 3}, {0, 1}}, 100, 100, Adaptive, []int{13, 7}},
		{"nothing anywhere: even", []Moments{{}, {}}, 100, 100, Adaptive, []int{10, 10}},
		{"a layer cannot keep more than it has", []Moments{{9, 9}, {1, 1}}, 100, 800, Adaptive, []int{100, 60}},
		{"a layer without anything keeps kMin", []Moments{{1, 1}, {0, 0}}, 1000, 100, Adaptive, []int{190, 10}},
		{"which gets the rest when the others are full", []Moments{{1, 1}, {0, 0}}, 100, 900, Adaptive, []int{100, 80}},
		{"all", []Moments{{9, 1}, {1, 1}}, 100, 1000, Adaptive, []int{100, 100}},
		{"less than a row a layer: one", []Moments{{9, 1}, {1, 1}}, 100, 1, Adaptive, []int{1, 1}},
		{"no layers", nil, 100, 100, Adaptive, []int{}},
		{"no rows", []Moments{{1, 1}}, 0, 100, Adaptive, []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := budgets(c.layers, c.n, c.permille, c.how); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// randomMoments spans what models show: strengths within two decades, skewness from none to sqrt(N), some layers equal.
func randomMoments(r *rand.Rand, n int) []Moments {
	layers := make([]Moments, 1+r.IntN(40))
	for l := range layers {
		layers[l] = Moments{Strength: math.Exp(4 * r.Float64()), Skewness: math.Sqrt(float64(n)) * r.Float64() * float64(r.IntN(2))}
		if l > 0 && r.IntN(4) == 0 {
			layers[l] = layers[r.IntN(l)]
		}
	}
	return layers
}

func eachRandomCase(t *testing.T, check func(t *testing.T, layers []Moments, n, permille int)) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		n := 1 + r.IntN(3000)
		check(t, randomMoments(r, n), n, 1+r.IntN(1000))
		if t.Failed() {
			return
		}
	}
}

// checkBudgets holds for any moments, sane or not.
func checkBudgets(t *testing.T, layers []Moments, n, permille int, how LayerBudget) {
	k := budgets(layers, n, permille, how)
	least := max(1, min((n+99)/100, n*permille/1000))
	sum := 0
	for _, x := range k {
		if sum += x; x < least || x > n {
			t.Errorf("N %d, %d permille: a layer keeps %d, outside %d..%d", n, permille, x, least, n)
		}
	}
	want := int(math.Round(float64(permille) / 1000 * float64(n*len(layers))))
	exact := (permille*n*len(layers) + 500) / 1000 // where r*N*L ends in .5, floats may fall to either side
	if want = max(want, least*len(layers)); sum != want && sum != max(exact, least*len(layers)) {
		t.Errorf("N %d, L %d, %d permille: the layers keep %d, want %d", n, len(layers), permille, sum, want)
	}
}

func TestBudgetsAddUpWithinTheClips(t *testing.T) {
	eachRandomCase(t, func(t *testing.T, layers []Moments, n, permille int) {
		checkBudgets(t, layers, n, permille, Adaptive)
		checkBudgets(t, layers, n, permille, Uniform)
	})
}

func TestEverythingIsKeptAtAThousand(t *testing.T) {
	eachRandomCase(t, func(t *testing.T, layers []Moments, n, _ int) {
		if k := budgets(layers, n, 1000, Adaptive); slices.Min(k) != n {
			t.Errorf("of %d rows a layer keeps %d", n, slices.Min(k))
		}
	})
}

func TestScalingAllStrengthsOrAllSkewnessesChangesNothing(t *testing.T) {
	eachRandomCase(t, func(t *testing.T, layers []Moments, n, permille int) {
		want := budgets(layers, n, permille, Adaptive)
		for _, scale := range []Moments{{8, 1}, {1, 8}, {1.0 / 1024, 64}, {1e-30, 1e30}, {3.7, .21}} {
			scaled := slices.Clone(layers)
			for l := range scaled {
				scaled[l].Strength *= scale.Strength
				scaled[l].Skewness *= scale.Skewness
			}
			if got := budgets(scaled, n, permille, Adaptive); !slices.Equal(got, want) {
				t.Errorf("scaled by %v: %v, want %v", scale, got, want)
			}
		}
	})
}

// Equal layers may swap a row (ties go to the lower layer), so the layers are compared as a set.
func TestPermutingTheLayersPermutesTheBudgets(t *testing.T) {
	type layer struct {
		Moments
		k int
	}
	set := func(layers []Moments, k []int) []layer {
		out := make([]layer, len(k))
		for l := range k {
			out[l] = layer{layers[l], k[l]}
		}
		slices.SortFunc(out, func(a, b layer) int {
			return cmp.Or(cmp.Compare(a.Strength, b.Strength), cmp.Compare(a.Skewness, b.Skewness), cmp.Compare(a.k, b.k))
		})
		return out
	}
	r := rand.New(rand.NewPCG(3, 4))
	eachRandomCase(t, func(t *testing.T, layers []Moments, n, permille int) {
		shuffled := slices.Clone(layers)
		r.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		want := set(layers, budgets(layers, n, permille, Adaptive))
		if got := set(shuffled, budgets(shuffled, n, permille, Adaptive)); !slices.Equal(got, want) {
			t.Errorf("N %d, %d permille:\n%v\n%v", n, permille, got, want)
		}
	})
}

func TestMoreStrengthNeverMeansLess(t *testing.T) {
	eachRandomCase(t, func(t *testing.T, layers []Moments, n, permille int) {
		k := budgets(layers, n, permille, Adaptive)
		for a := range layers {
			for b := range layers {
				if layers[a].Strength > layers[b].Strength && layers[a].Skewness >= layers[b].Skewness && k[a] < k[b]-1 {
					t.Errorf("layer %d has more of both than layer %d and keeps %d against %d", a, b, k[a], k[b])
				}
			}
		}
	})
}
