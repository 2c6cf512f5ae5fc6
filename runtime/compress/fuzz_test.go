package compress

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// floats reads any bit patterns: NaN, Inf, denormal and negative numbers are all there.
func floats(raw []byte) []float32 {
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

func bits(values ...float32) (raw []byte) {
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

func FuzzWindow(f *testing.F) {
	f.Add(bits(.1, .5, .5, .4), .9, 1, 64)
	f.Add(bits(0, 0, 0), .9, 1, 2)
	f.Add(bits(1, float32(math.NaN())), .5, 2, 3)
	f.Fuzz(func(t *testing.T, raw []byte, alpha float64, least, most int) {
		o := Defaults()
		o.Alpha, o.EliteMin, o.EliteMax = alpha, least, most
		relevance := floats(raw)
		if o.Validate() != nil {
			return
		}
		elite, err := Window(relevance, o)
		if err != nil {
			return
		}
		if len(elite) < min(least, len(relevance)) || len(elite) > most || !ascending(elite, len(relevance)) {
			t.Errorf("window %v of %v with %+v", elite, relevance, o)
		}
		if len(elite) > 0 && !slices.ContainsFunc(elite, func(j int) bool { return relevance[j] == slices.Max(relevance) }) {
			t.Errorf("window %v leaves the most relevant of %v out", elite, relevance)
		}
	})
}

func ascending[T int | int32](rows []T, below int) bool {
	for i, r := range rows {
		if r < 0 || int(r) >= below || i > 0 && rows[i-1] >= r {
			return false
		}
	}
	return true
}

func FuzzBudgets(f *testing.F) {
	f.Add(bits(3, 1, 1, 1), 100, 100)
	f.Add(bits(0, 0, 1e38, 1e-38), 1, 1)
	f.Add(bits(float32(math.NaN()), 1, 5, float32(math.Inf(1))), 577, 333)
	f.Fuzz(func(t *testing.T, raw []byte, n, permille int) {
		values := floats(raw)
		if n < 1 || n > 1<<20 || permille < 1 || permille > 1000 || len(values) < 2 {
			return
		}
		layers := make([]Moments, len(values)/2)
		for l := range layers {
			layers[l] = Moments{float64(values[2*l]), float64(values[2*l+1])}
		}
		checkBudgets(t, layers, n, permille, Adaptive)
		checkBudgets(t, layers, n, permille, Uniform)
	})
}

// FuzzPolicy gives the policy any prompt and any scores: it keeps all text, ascending rows and the right number, or everything.
func FuzzPolicy(f *testing.F) {
	r := someScores(2)
	f.Add(bits(r.importance[0]...), bits(r.relevance...), 100, 2, 10)
	f.Add(bits(make([]float32, 80)...), bits(0, 0), 500, 0, 2)
	f.Add(bits(append(make([]float32, 79), 1)...), bits(float32(math.NaN())), 10, 6, 0)
	f.Add(bits(slices.Repeat([]float32{math.MaxFloat32}, 70)...), bits(.5, .5), 1000, 3, 2)
	f.Fuzz(func(t *testing.T, importance, relevance []byte, permille, before, after int) {
		visual := len(importance) / 4
		if permille < 1 || permille > 1000 || before < 0 || after < 0 || before > 600 || after > 600 || visual > 4096 {
			return
		}
		tokens := append(make([]int32, before), slices.Repeat([]int32{pic}, visual)...)
		p := Survey(append(tokens, make([]int32, after)...), pic)
		given := &scores{relevance: floats(relevance), importance: [][]float32{floats(importance), floats(importance)}}
		plan, err := decide(p, permille, given)
		if errors.Is(err, ErrScores) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if plan.Kept == nil {
			if permille < 1000 && plan.Whole == "" {
				t.Error("everything is kept and nobody says why")
			}
			return
		}
		checkPlan(t, "AirCache", p, plan, Quota{Visual: visual, Layers: 2, Permille: permille})
	})
}

// FuzzEveryPolicy gives all policies the same layers, of any bit patterns: each meets its quota or says what is wrong, and the
// cascade never keeps more.
func FuzzEveryPolicy(f *testing.F) {
	f.Add(bits(1, 2, 3, 4, 5, -1, .5, 0), uint64(1), 100, 2, 5)
	f.Add(bits(float32(math.NaN()), 1), uint64(2), 10, 0, 40)
	f.Add(bits(math.MaxFloat32, -math.MaxFloat32), uint64(3), 999, 7, 1)
	f.Add([]byte{}, uint64(4), 500, 4, 3)
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64, permille, before, after int) {
		if permille < 1 || permille > 1000 || before < 0 || after < 1 || before > 20 || after > 40 {
			return
		}
		tokens := append(make([]int32, before), slices.Repeat([]int32{pic}, MinVisual+int(seed%9))...)
		p := Survey(append(tokens, make([]int32, after)...), pic)
		r := rand.New(rand.NewPCG(seed, 1))
		layers := []*layer{randomLayer(r, p), randomLayer(r, p)}
		for i, v := range floats(raw) { // the wild numbers land anywhere
			row := layers[i%2].keys
			if i%3 == 0 {
				row = layers[i%2].queries
			}
			row[r.IntN(p.Rows)][r.IntN(8)] = v
		}
		q := Quota{Visual: len(p.Visual), Layers: 2, Permille: permille}
		for _, policy := range everyPolicy() {
			rankings, whole, err := rankAll(policy, p, layers)
			if errors.Is(err, ErrScores) {
				continue
			}
			if err != nil || whole != "" {
				t.Fatalf("%s: %v %s", policy.Name(), err, whole)
			}
			checkPlan(t, policy.Name(), p, Decide(policy, rankings, q), q)
			runCascade(t, policy, rankings, q, permille <= 500)
		}
	})
}
