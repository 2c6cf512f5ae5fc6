package backendtest

import (
	"slices"

	"aircache.dev/aircache/runtime/backend"
)

func (s *suite) scores() {
	for _, h := range s.shapes.Cache {
		for _, n := range []int{2, 33, 600} {
			p := s.reserve(64, h)
			seq, past, x := s.prompt(n, h, p)
			visual := make([]int32, 0, n)
			var observed []int32
			for r := range n {
				if r < n*3/4 {
					visual = append(visual, int32(r))
				} else if r%2 == (n-1)%2 {
					observed = append(observed, int32(r))
				}
			}
			s.scoreCase(h, seq.KV.Layers[0], past, x, visual, observed)
			s.columnCase(h, seq.KV.Layers[0], past, x, observed)
			s.columnCase(h, seq.KV.Layers[0], past, x, []int32{0})
			s.readCase(h, seq.KV.Layers[0], past, visual)
		}
	}
}

func (s *suite) scoreCase(h backend.Heads, kv backend.LayerKV, past *history, x []float32, visual, observed []int32) {
	var saved []float32
	for _, r := range observed {
		saved = append(saved, x[int(r)*h.Width():][:h.Query*h.Dim]...)
	}
	q := s.tensor(len(observed), h.Query*h.Dim, saved)
	name := shape(len(visual), len(observed), h.Query, h.KV, h.Dim)

	relevance := make([]float32, len(observed))
	s.b.Relevance(relevance, q, kv, observed, h)
	want := make([]float64, len(observed))
	for head := range h.Query {
		last := double(saved[(len(observed)-1)*h.Query*h.Dim+head*h.Dim:][:h.Dim])
		weights, _ := past.weights(last, head, integers(observed))
		for j, w := range weights {
			want[j] += w / float64(h.Query)
		}
	}
	s.compare("relevance "+name, relevance, want)

	var elite []int
	for i := range observed {
		if i%3 == 0 || i == len(observed)-1 {
			elite = append(elite, i)
		}
	}
	counts, all := make([]float32, len(elite)), float32(0)
	for i := range counts {
		counts[i] = s.random.Float32()
		all += counts[i]
	}
	for i := range counts {
		counts[i] /= all
	}
	importance, byHead := make([]float32, len(visual)), make([]float32, h.KV*len(visual))
	weighed := make([]float32, len(visual))
	s.b.Importance(importance, q, kv, backend.Window{Rows: observed, Elite: elite, Visual: visual}, h)
	s.b.Importance(weighed, q, kv, backend.Window{Rows: observed, Elite: elite, Counts: counts, Visual: visual}, h)
	s.b.Importance(byHead, q, kv, backend.Window{Rows: observed, Elite: elite, Visual: visual, ByHead: true}, h)
	want = make([]float64, len(visual))
	groups, wantWeighed := make([]float64, h.KV*len(visual)), make([]float64, len(visual))
	for i, e := range elite {
		keys := integers(visual)
		for _, earlier := range elite[:i+1] {
			keys = append(keys, int(observed[earlier]))
		}
		for head := range h.Query {
			w, _ := past.weights(double(saved[e*h.Query*h.Dim+head*h.Dim:][:h.Dim]), head, keys)
			for v := range want {
				want[v] += w[v] / float64(h.Query*len(elite))
				wantWeighed[v] += w[v] * float64(counts[i]) / float64(h.Query)
				groups[head/(h.Query/h.KV)*len(visual)+v] += w[v] / float64(h.Query/h.KV*len(elite))
			}
		}
	}
	s.compare("importance "+name, importance, want)
	s.compare("importance of rows that count differently "+name, weighed, wantWeighed)
	s.compare("importance by head "+name, byHead, groups)
}

// columnCase looks back from some rows at all rows before them.
func (s *suite) columnCase(h backend.Heads, kv backend.LayerKV, past *history, x []float32, rows []int32) {
	const bar = 0.01
	weights, saved := make([]float32, len(rows)), []float32(nil)
	for i, r := range rows {
		weights[i] = s.random.Float32()
		saved = append(saved, x[int(r)*h.Width():][:h.Query*h.Dim]...)
	}
	q := s.tensor(len(rows), h.Query*h.Dim, saved)
	sums, density := make([]float32, kv.Len), make([]float32, len(rows))
	s.b.Columns(sums, q, kv, backend.Weighted{Rows: rows, Weights: weights}, h)
	s.b.Density(density, q, kv, rows, bar, h)

	want, least, most := make([]float64, kv.Len), make([]float64, len(rows)), make([]float64, len(rows))
	for i, r := range rows {
		seen := make([]int, r+1)
		for j := range seen {
			seen[j] = j
		}
		for head := range h.Query {
			w, _ := past.weights(double(saved[(i*h.Query+head)*h.Dim:][:h.Dim]), head, seen)
			highest := slices.Max(w)
			for j, v := range w {
				want[j] += float64(weights[i]) * v / float64(h.Query)
				// What lies within rounding of the bar may count or not.
				part := 1 / float64(h.Query*len(seen))
				if v > highest*bar*(1+1e-4) {
					least[i] += part
				}
				if v > highest*bar*(1-1e-4) {
					most[i] += part
				}
			}
		}
	}
	name := shape(kv.Len, len(rows), h.Query, h.KV, h.Dim)
	s.compare("columns "+name, sums, want)
	for i, d := range density {
		if float64(d) < least[i]-1e-5 || float64(d) > most[i]+1e-5 {
			s.Errorf("density %s: row %d has %g, %g to %g wanted", name, i, d, least[i], most[i])
		}
	}
}

func (s *suite) readCase(h backend.Heads, kv backend.LayerKV, past *history, rows []int32) {
	n := len(rows) * h.KV * h.Dim
	keys, values := make([]float32, n), make([]float32, n)
	s.b.ReadRows(keys, values, kv, rows)
	var wantKeys, wantValues []float64
	for _, r := range rows {
		wantKeys, wantValues = append(wantKeys, past.keys[r]...), append(wantValues, past.values[r]...)
	}
	s.compare("keys of rows", keys, wantKeys)
	s.compare("values of rows", values, wantValues)
}

func integers(rows []int32) []int {
	out := make([]int, len(rows))
	for i, r := range rows {
		out[i] = int(r)
	}
	return out
}
