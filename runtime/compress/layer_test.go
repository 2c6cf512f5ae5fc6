package compress

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// layer is a Scorer over queries, keys and values, by the plainest loops.
type layer struct {
	heads, dim       int
	queries          [][]float32 // [row][heads*dim]
	keys, values     [][]float32
	visual, observed []int32
}

// randomLayer is one whose rows look at some rows much more than at others.
func randomLayer(r *rand.Rand, p Prompt) *layer {
	l := &layer{heads: 2, dim: 4, visual: p.Visual}
	draw := func(deviation float64) (rows [][]float32) {
		for range p.Rows {
			row := make([]float32, l.heads*l.dim)
			for i := range row {
				row[i] = float32(r.NormFloat64() * deviation)
			}
			rows = append(rows, row)
		}
		return rows
	}
	sharp := .5 + 3*r.Float64()
	l.queries, l.keys, l.values = draw(sharp), draw(1), draw(1)
	return l
}

// weights is the softmax of a row's query over some rows, by head.
func (l *layer) weights(head int, row int32, keys []int32) []float64 {
	w, sum, highest := make([]float64, len(keys)), 0.0, math.Inf(-1)
	for i, k := range keys {
		for d := head * l.dim; d < (head+1)*l.dim; d++ {
			w[i] += float64(l.queries[row][d]) * float64(l.keys[k][d]) / math.Sqrt(float64(l.dim))
		}
		highest = max(highest, w[i])
	}
	for i := range w {
		w[i] = math.Exp(w[i] - highest)
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

func upTo(row int32) []int32 { return Prompt{Rows: int(row) + 1}.All() }

func (l *layer) Relevance() ([]float32, error) {
	p := make([]float32, len(l.observed))
	for h := range l.heads {
		for j, w := range l.weights(h, l.observed[len(l.observed)-1], l.observed) {
			p[j] += float32(w / float64(l.heads))
		}
	}
	return p, nil
}

func (l *layer) Importance(elite []int, counts []float32, byHead bool) ([]float32, error) {
	byHeads := make([]float32, l.heads*len(l.visual))
	for h := range l.heads {
		for i, e := range elite {
			keys := slices.Clone(l.visual)
			for _, earlier := range elite[:i+1] {
				keys = append(keys, l.observed[earlier])
			}
			for v, w := range l.weights(h, l.observed[e], keys)[:len(l.visual)] {
				count := 1 / float64(len(elite))
				if counts != nil {
					count = float64(counts[i])
				}
				byHeads[h*len(l.visual)+v] += float32(w * count)
			}
		}
	}
	if byHead {
		return byHeads, nil
	}
	mean := make([]float32, len(l.visual))
	for i, w := range byHeads {
		mean[i%len(mean)] += w / float32(l.heads)
	}
	return mean, nil
}

func (l *layer) Columns(weights []float32) ([]float32, error) {
	sums := make([]float32, len(l.keys))
	for i, row := range l.observed {
		for h := range l.heads {
			for j, w := range l.weights(h, row, upTo(row)) {
				sums[j] += weights[i] * float32(w/float64(l.heads))
			}
		}
	}
	return sums, nil
}

func (l *layer) Density(bar float32) ([]float32, error) {
	shares := make([]float32, len(l.observed))
	for i, row := range l.observed {
		for h := range l.heads {
			w := l.weights(h, row, upTo(row))
			for _, x := range w {
				if x >= float64(bar)*slices.Max(w) {
					shares[i] += 1 / float32(len(w)*l.heads)
				}
			}
		}
	}
	return shares, nil
}

func (l *layer) Rows() (Rows, error) {
	rows := Rows{Heads: l.heads, Dim: l.dim}
	for _, v := range l.visual {
		rows.Keys, rows.Values = append(rows.Keys, l.keys[v]...), append(rows.Values, l.values[v]...)
	}
	return rows, nil
}

// rankAll lets a policy rank layers; it is what an engine does.
func rankAll(p Policy, prompt Prompt, layers []*layer) (rankings []Ranking, whole string, err error) {
	observed, whole := p.Observes(prompt)
	if whole != "" {
		return nil, whole, nil
	}
	for i, l := range layers {
		l.observed = observed
		r, err := p.Rank(prompt, i, l)
		if err != nil {
			return nil, "", fmt.Errorf("ranking layer %d: %w", i, err)
		}
		rankings = append(rankings, r)
	}
	return rankings, "", nil
}

// everyPolicy is all of them, AirCache with all its variants.
func everyPolicy() []Policy {
	policies := slices.Clone(all(Defaults()))
	for _, edit := range []func(*Options){
		func(o *Options) { o.Granularity = ByKVHead },
		func(o *Options) { o.Window = Last16 },
		func(o *Options) { o.Window = Last32 },
		func(o *Options) { o.Window = AllText },
		func(o *Options) { o.LayerBudget = Strength },
		func(o *Options) { o.LayerBudget = Skewness },
		func(o *Options) { o.LayerBudget = Pyramid },
		func(o *Options) { o.LayerBudget = Uniform },
		func(o *Options) { o.Alpha, o.EliteMin = .5, 3 },
		func(o *Options) { *o = Paper() },
		func(o *Options) { o.RowWeight = Equal },
		func(o *Options) { o.ValueNorm = false },
		func(o *Options) { o.Pool, o.Granularity = MaxPool, ByKVHead },
	} {
		o := Defaults()
		edit(&o)
		policies = append(policies, AirCache{o})
	}
	return policies[1:] // Full keeps everything
}

// checkPlan holds for every policy: the quota is met within the clips, the rows ascend inside of the picture, and all text stays.
func checkPlan(t testing.TB, name string, p Prompt, plan Plan, q Quota) {
	t.Helper()
	sum := 0
	for l, k := range plan.Budgets {
		sum += k
		if k < q.Least() || k > q.Visual {
			t.Errorf("%s %+v: layer %d keeps %d, want %d to %d", name, q, l, k, q.Least(), q.Visual)
		}
	}
	if want := max((q.Permille*q.Visual*q.Layers+500)/1000, q.Least()*q.Layers); sum != want {
		t.Errorf("%s %+v: the layers keep %d, want %d", name, q, sum, want)
	}
	for l, selection := range plan.Kept {
		for _, kept := range selection {
			rows := p.Kept(kept)
			if len(kept) != plan.Budgets[l] || !ascending(kept, q.Visual) || !ascending(rows, p.Rows) || len(rows) != p.Rows-q.Visual+len(kept) {
				t.Errorf("%s %+v: layer %d keeps %v", name, q, l, kept)
			}
			for row := range int32(p.Rows) {
				if _, visual := slices.BinarySearch(p.Visual, row); !visual && !slices.Contains(rows, row) {
					t.Errorf("%s %+v: layer %d evicts the text in row %d", name, q, l, row)
				}
			}
		}
	}
	if r := plan.Applied; !(r.Mean >= 0 && r.Mean <= 1 && r.Min <= r.Mean+1e-9) || len(plan.Curve) != len(CurvePercents) {
		t.Errorf("%s %+v: recall %+v, curve %v", name, q, r, plan.Curve)
	}
}

// randomCase is a prompt with text on both sides, and layers.
func randomCase(r *rand.Rand, layers int) (Prompt, []*layer) {
	tokens := make([]int32, r.IntN(6))
	tokens = append(tokens, slices.Repeat([]int32{pic}, MinVisual+r.IntN(40))...)
	for range 1 + r.IntN(40) {
		tokens = append(tokens, int32(r.IntN(5)))
	}
	p := Survey(tokens, pic)
	all := make([]*layer, layers)
	for l := range all {
		all[l] = randomLayer(r, p)
	}
	return p, all
}

func TestEveryPolicyMeetsTheQuota(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 6 {
		p, layers := randomCase(r, 1+r.IntN(6))
		for _, policy := range everyPolicy() {
			rankings, whole, err := rankAll(policy, p, layers)
			if err != nil || whole != "" {
				t.Fatalf("%s: %v %s", policy.Name(), err, whole)
			}
			again, _, _ := rankAll(policy, p, layers)
			for _, permille := range []int{1, 7, 50, 100, 333, 800, 999, 1000} {
				q := Quota{Visual: len(p.Visual), Layers: len(layers), Permille: permille}
				plan := Decide(policy, rankings, q)
				checkPlan(t, policy.Name(), p, plan, q)
				if (plan.Kept == nil) != (permille == 1000) {
					t.Errorf("%s at %d permille: kept %v", policy.Name(), permille, plan.Kept)
				}
				if twin := Decide(policy, again, q); !slices.EqualFunc(plan.Kept, twin.Kept, sameSelection) {
					t.Errorf("%s at %d permille: the same prompt gives another plan", policy.Name(), permille)
				}
			}
		}
	}
}

func sameSelection(a, b Selection) bool { return slices.EqualFunc(a, b, slices.Equal[[]int32]) }

// What is kept at a lower retention is kept at a higher one too, in any layer for itself.
func TestRankingsAreNested(t *testing.T) {
	p, layers := randomCase(rand.New(rand.NewPCG(23, 24)), 1)
	for _, policy := range everyPolicy() {
		rankings, _, err := rankAll(policy, p, layers)
		if err != nil {
			t.Fatal(err)
		}
		for k := 1; k <= len(p.Visual); k++ {
			fewer, more := rankings[0].Top(k-1), rankings[0].Top(k)
			for h := range more {
				for _, v := range fewer[h] {
					if !slices.Contains(more[h], v) {
						t.Fatalf("%s: row %d is among the best %d and not among the best %d", policy.Name(), v, k-1, k)
					}
				}
			}
		}
	}
}

// Only Pyramid and Random look at a layer's place.
func TestPermutingTheLayersPermutesEveryPlan(t *testing.T) {
	p, layers := randomCase(rand.New(rand.NewPCG(25, 26)), 5)
	backwards := slices.Clone(layers)
	slices.Reverse(backwards)
	for _, policy := range everyPolicy() {
		if a, ok := policy.(AirCache); policy.Name() == "PyramidKV" || policy.Name() == "Random" || ok && a.Options.LayerBudget == Pyramid {
			continue
		}
		// A quota that leaves no remainder to lower layers: 5 layers of the same.
		q := Quota{Visual: len(p.Visual), Layers: 5, Permille: 500}
		forward, _, _ := rankAll(policy, p, layers)
		backward, _, _ := rankAll(policy, p, backwards)
		want, got := Decide(policy, forward, q).Budgets, Decide(policy, backward, q).Budgets
		slices.Reverse(got)
		for l := range want {
			if d := want[l] - got[l]; d < -1 || d > 1 { // a tie goes to the lower layer
				t.Errorf("%s: %v, permuted %v", policy.Name(), want, got)
			}
		}
	}
}

func TestEveryPolicySaysWhyItKeepsThePromptWhole(t *testing.T) {
	picture := slices.Repeat([]int32{pic}, 70)
	endsInPicture := Survey(append([]int32{1, 2, 3, 4, 5, 6}, picture...), pic)
	for _, policy := range everyPolicy() {
		for name, p := range map[string]Prompt{"no picture": Survey([]int32{1, 2, 3}, pic), "few visual": Survey(append(picture[:9:9], 1), pic)} {
			if rows, whole := policy.Observes(p); whole == "" || rows != nil && len(rows) > p.Rows {
				t.Errorf("%s with %s: %v %q", policy.Name(), name, rows, whole)
			}
		}
		_, whole := policy.Observes(endsInPicture)
		if after := policy.Name() == "VLCache" || policy.Name() == "TGV"; after != (whole == "the prompt has no text after the picture") {
			t.Errorf("%s with the picture at the end: %q", policy.Name(), whole)
		}
	}
}

func TestNoPolicyCrashesOnWhatIsNoNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32} {
		p, layers := randomCase(r, 3)
		layers[1].keys[p.Visual[5]][3], layers[1].values[p.Visual[5]][2] = bad, bad
		for _, policy := range everyPolicy() {
			rankings, _, err := rankAll(policy, p, layers)
			if err != nil && !errors.Is(err, ErrScores) {
				t.Errorf("%s with %v: %v", policy.Name(), bad, err)
			}
			if err == nil {
				q := Quota{Visual: len(p.Visual), Layers: 3, Permille: 100}
				checkPlan(t, policy.Name(), p, Decide(policy, rankings, q), q)
			}
		}
	}
}
