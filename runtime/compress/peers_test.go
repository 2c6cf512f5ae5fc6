package compress

import (
	"math"
	"slices"
	"testing"
)

func close32(t *testing.T, what string, got []float32, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 5e-4 {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

// The worked examples of the comments, and their neighbours.
func TestHalfRecent(t *testing.T) {
	for _, c := range []struct {
		scores []float32
		want   []int32
	}{
		{[]float32{.1, .9, .2, .8}, []int32{1, 3, 2, 0}},
		{[]float32{.9, .8, .7, .1, .2}, []int32{0, 4, 1, 3, 2}},
		{[]float32{.1, .2, .3, .4}, []int32{3, 2, 1, 0}}, // what is recent is best: the next best instead
		{[]float32{1}, []int32{0}},
		{nil, []int32{}},
	} {
		if got := halfRecent(c.scores); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.scores, got, c.want)
		}
	}
}

// For every k the kept rows are the last k/2 and the best of the rest: the definition, by brute force.
func TestHalfRecentIsHalfHeavyAndHalfRecent(t *testing.T) {
	scores := []float32{.3, .9, .1, .8, .2, .7, .6, .05, .5, .4, .95}
	order, n := halfRecent(scores), len(scores)
	for k := range n + 1 {
		recent := k / 2
		heavy := bestFirst(scores[:n-recent])[:k-recent]
		want := slices.Clone(heavy)
		for row := n - recent; row < n; row++ {
			want = append(want, int32(row))
		}
		got := slices.Sorted(slices.Values(order[:k]))
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("k = %d: %v, want %v", k, got, want)
		}
	}
}

func TestStreamingKeepsSinksAndRecentRows(t *testing.T) {
	for _, c := range []struct {
		tokens []int32
		want   []int32
	}{
		{[]int32{pic, pic, pic, pic, pic, pic, 1}, []int32{0, 1, 2, 3, 5, 4}},
		{[]int32{1, 2, 3, 4, pic, pic, pic, pic}, []int32{3, 2, 1, 0}},
		{[]int32{1, 2, pic, pic, pic, pic, 5}, []int32{0, 1, 3, 2}},
	} {
		r, err := Streaming{}.Rank(Survey(c.tokens, pic), 0, nil)
		if err != nil || !slices.Equal(r.orders[0], c.want) {
			t.Errorf("%v: %v %v, want %v", c.tokens, r.orders, err, c.want)
		}
	}
}

func TestRandomDiffersByPromptAndLayer(t *testing.T) {
	p := prompt()
	other := Survey(append([]int32{7, 7, 7}, append(slices.Repeat([]int32{pic}, 100), 1)...), pic)
	draw := func(seed uint64, p Prompt, layer int) []int32 {
		r, err := Random{seed}.Rank(p, layer, nil)
		if err != nil || !ascending(r.Top(100)[0], 100) || !near(r.Recall(25), .25) {
			t.Fatal(r, err)
		}
		return r.Top(10)[0]
	}
	first := draw(1, p, 0)
	for name, same := range map[string]bool{
		"again":          !slices.Equal(first, draw(1, p, 0)),
		"another layer":  slices.Equal(first, draw(1, p, 1)),
		"another prompt": slices.Equal(first, draw(1, other, 0)),
		"another seed":   slices.Equal(first, draw(2, p, 0)),
	} {
		if same {
			t.Errorf("%s draws wrongly", name)
		}
	}
}

func TestPool(t *testing.T) {
	close32(t, "five", pool([]float32{5, 0, 0, 10, 0}, 5), 1, 3, 3, 2, 2)
	close32(t, "one", pool([]float32{5, 0, 1}, 1), 5, 0, 1)
	close32(t, "wider than the row", pool([]float32{5}, 5), 1)
}

func TestTextWeights(t *testing.T) {
	close32(t, "even", received([]float32{9, .6, .4, .2}, []int32{1, 2, 3}, span(0, 3)), 1./3, 1./3, 1./3)
	close32(t, "one that later text reads", received([]float32{.9, .1, .1}, []int32{0, 1, 2}, span(0, 3)), .3/.45, .05/.45, .1/.45)
	close32(t, "text that nobody reads counts the same", received([]float32{0, 0}, []int32{0, 1}, span(0, 2)), .5, .5)
}

func TestOddity(t *testing.T) {
	close32(t, "the example", oddity(Rows{Heads: 1, Dim: 2, Keys: []float32{2, 0, 0, 1, 0, 3}}, 3), .5528, .1056, .1056)
	close32(t, "heads are averaged", oddity(Rows{Heads: 2, Dim: 1, Keys: []float32{1, 1, 1, -1, 1, 1}}, 3), 0, 1, 0)
	close32(t, "a key without direction", oddity(Rows{Heads: 1, Dim: 1, Keys: []float32{1, 0}}, 2), 0, 1)
}

func TestRoughness(t *testing.T) {
	for _, c := range []struct {
		name string
		x    []float32
		want []float64
	}{
		{"smooth", []float32{1, 1, 1, 1}, []float64{0, 0, 0, 0}},
		{"a spike", []float32{1, 0, 0, 0}, []float64{.5625, .0625, .0625, .0625}},
	} {
		for i, got := range roughness(c.x, 4, 1) {
			if math.Abs(got-c.want[i]) > 1e-9 {
				t.Errorf("%s: row %d has %v, want %v", c.name, i, got, c.want[i])
			}
		}
	}
	// The waves are orthonormal: what is taken away and what is left add up to the whole.
	for f := range 10 {
		for g := range 10 {
			dot := 0.0
			for i, a := range cosineWave(f, 33) {
				dot += a * cosineWave(g, 33)[i]
			}
			if want := map[bool]float64{true: 1}[f == g]; math.Abs(dot-want) > 1e-9 {
				t.Errorf("waves %d and %d have the product %v", f, g, dot)
			}
		}
	}
}

func TestRowsFor(t *testing.T) {
	sharp, blind := rank(t, 8, 1, 1), rank(t, 0, 0, 0, 0)
	for p, want := range map[float64]float64{0: 0, .4: .5, .8: 1, .85: 1.5, 1: 3, 2: 3} {
		if got := sharp.rowsFor(p); !near(got, want) {
			t.Errorf("p = %v: %v rows, want %v", p, got, want)
		}
	}
	if got := rank(t, 2, 2, 0, 0).rowsFor(1.5); !near(got, 3) {
		t.Errorf("half of the rows that carry nothing: %v, want 3", got)
	}
	if got := blind.rowsFor(1); !near(got, 2) {
		t.Errorf("nothing to carry: %v, want half of 4", got)
	}
}

func TestPrefixKVGivesMoreToLayersThatAreSpread(t *testing.T) {
	q := Quota{Visual: 3, Layers: 2, Permille: 500}
	if got := (PrefixKV{}).Share([]Ranking{rank(t, 8, 1, 1), rank(t, 4, 3, 3)}, q); !near(got[0], 1) || !near(got[1], 2) {
		t.Errorf("shares %v, want 1 and 2", got)
	}
}

func TestPyramid(t *testing.T) {
	for _, c := range []struct {
		name string
		q    Quota
		want []int
	}{
		{"the example of the comment", Quota{Visual: 100, Layers: 3, Permille: 100}, []int{19, 10, 1}},
		{"the first layer is full", Quota{Visual: 100, Layers: 3, Permille: 800}, []int{100, 80, 60}},
		{"one layer", Quota{Visual: 100, Layers: 1, Permille: 100}, []int{10}},
	} {
		if got := Budgets(PyramidKV{}, make([]Ranking, c.q.Layers), c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestQuota(t *testing.T) {
	for _, c := range []struct{ visual, permille, least int }{{576, 100, 6}, {576, 5, 2}, {576, 1, 1}, {0, 100, 0}, {50, 1000, 1}} {
		if got := (Quota{Visual: c.visual, Permille: c.permille}).Least(); got != c.least {
			t.Errorf("%+v: kMin %d", c, got)
		}
	}
	q := Quota{Visual: 100, Layers: 8, Permille: 200}
	for seen, want := range map[int]int{1: 100, 2: 160, 8: 160} {
		if got := q.Total(seen); got != want {
			t.Errorf("%d layers may keep %d, want %d", seen, got, want)
		}
	}
}

// All policies that read queries find the one row that every query looks at.
func TestPoliciesReadTheirScores(t *testing.T) {
	p := prompt()
	l := randomLayer(newRand(), p)
	hot := p.Visual[42]
	for row := range l.queries {
		for d := range l.queries[row] {
			l.queries[row][d], l.keys[row][d] = 1, 0
		}
	}
	for d := range l.keys[hot] {
		l.keys[hot][d] = 3 // every later row looks at this one
	}
	for _, policy := range everyPolicy() {
		rankings, _, err := rankAll(policy, p, []*layer{l})
		if err != nil {
			t.Fatal(err)
		}
		found := slices.Contains(rankings[0].Top(5)[0], 42)
		switch policy.Name() {
		case "Random", "Streaming", "FlashCache", "KeyDiff":
		default:
			if !found {
				t.Errorf("%s leaves out the row that all look at: %v", policy.Name(), rankings[0].Top(5))
			}
		}
	}
}
