package compress

import (
	"encoding/binary"
	"math"
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
		o := Options{Alpha: alpha, EliteMin: least, EliteMax: most, LayerBudget: Adaptive}
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
		plan, err := AirCache{Defaults()}.Decide(p, 2, permille, given)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Kept == nil {
			if permille < 1000 && plan.Whole == "" {
				t.Error("everything is kept and nobody says why")
			}
			return
		}
		for l, kept := range plan.Kept {
			rows := p.Kept(kept)
			if !ascending(kept, visual) || len(kept) != plan.Budgets[l] || !ascending(rows, p.Rows) || len(rows) != before+after+len(kept) {
				t.Errorf("layer %d keeps %v: rows %v of %d", l, kept, rows, p.Rows)
			}
			for _, row := range rows {
				if tokens := int(row) - before; tokens >= 0 && tokens < visual && !slices.Contains(kept, int32(tokens)) {
					t.Errorf("row %d is kept against the plan", row)
				}
			}
		}
		if plan.Applied.Mean < 0 || plan.Applied.Mean > 1 || math.IsNaN(plan.Applied.Mean) {
			t.Errorf("recall %v", plan.Applied)
		}
	})
}
