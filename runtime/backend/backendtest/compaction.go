package backendtest

import "aircache.dev/aircache/runtime/backend"

// prompt fills a cache of one layer and returns its queries too.
func (s *suite) prompt(n int, h backend.Heads, p *pages) (backend.Sequence, *history, []float32) {
	s.Helper()
	x := s.normal(n*h.Width(), 2)
	seq := backend.Sequence{Rows: n, KV: backend.KVView{Layers: []backend.LayerKV{{Pages: p.take(backend.Pages(n + 8))}}}}
	s.b.Append(s.tensor(n, h.Width(), x), 0, []backend.Sequence{seq}, h)
	seq.KV.Layers[0].Len = n
	past := &history{heads: h}
	past.push(x)
	return seq, past, x
}

func (s *suite) keep() {
	for _, h := range headShapes {
		for _, inPlace := range []bool{false, true} {
			for _, n := range []int{1, 31, 33, 257} {
				p := s.reserve(64, h)
				seq, past, _ := s.prompt(n, h, p)
				kv := &seq.KV.Layers[0]
				var rows []int32
				kept := &history{heads: h}
				for r := range n {
					if r == n-1 || s.random.IntN(3) > 0 {
						rows = append(rows, int32(r))
						kept.keys, kept.values = append(kept.keys, past.keys[r]), append(kept.values, past.values[r])
					}
				}
				dst := kv.Pages
				if !inPlace {
					dst = p.take(backend.Pages(len(rows) + 8))
				}
				s.b.Keep(*kv, rows, dst)
				*kv = backend.LayerKV{Pages: dst, Len: len(rows)}
				seq.Rows = 1
				s.step("decode after keep "+shape(n, len(rows), h.Query, h.KV, h.Dim), h, 0, []backend.Sequence{seq}, []*history{kept})
			}
		}
	}
}

func (s *suite) scores() {
	for _, h := range headShapes {
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
		for j, w := range past.weights(last, head, integers(observed)) {
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
	importance := make([]float32, len(visual))
	s.b.Importance(importance, q, kv, backend.Window{Rows: observed, Elite: elite, Visual: visual}, h)
	want = make([]float64, len(visual))
	for i, e := range elite {
		keys := integers(visual)
		for _, earlier := range elite[:i+1] {
			keys = append(keys, int(observed[earlier]))
		}
		for head := range h.Query {
			w := past.weights(double(saved[e*h.Query*h.Dim+head*h.Dim:][:h.Dim]), head, keys)
			for v := range want {
				want[v] += w[v] / float64(h.Query*len(elite))
			}
		}
	}
	s.compare("importance "+name, importance, want)
}

func integers(rows []int32) []int {
	out := make([]int, len(rows))
	for i, r := range rows {
		out[i] = int(r)
	}
	return out
}
