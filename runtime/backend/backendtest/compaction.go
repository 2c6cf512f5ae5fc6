package backendtest

import (
	"slices"

	"aircache.dev/aircache/runtime/backend"
)

// prompt fills a cache of one layer and returns its queries too.
func (s *suite) prompt(n int, h backend.Heads, p *pages) (backend.Sequence, *history, []float32) {
	s.Helper()
	x := s.normal(n*h.Width(), 2)
	seq := backend.Sequence{Rows: n, KV: backend.KVView{Layers: []backend.LayerKV{{Pages: p.take(backend.Pages(n + 8))}}}}
	s.b.Append(s.tensor(n, h.Width(), x), s.still(n, h), 0, s.stage(seq), h)
	seq.KV.Layers[0].Len = n
	past := &history{heads: h}
	past.push(x)
	return seq, past, x
}

func (s *suite) keep() {
	for _, h := range s.shapes.Cache {
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
				s.b.Keep(*kv, [][]int32{rows}, dst)
				*kv = backend.LayerKV{Pages: dst, Len: len(rows)}
				seq.Rows = 1
				s.step("decode after keep "+shape(n, len(rows), h.Query, h.KV, h.Dim), h, 0, []backend.Sequence{seq}, []*history{kept})
			}
		}
	}
}

// keepByHead lets every KV head keep rows of its own.
func (s *suite) keepByHead() {
	for _, h := range s.shapes.Cache {
		for _, inPlace := range []bool{false, true} {
			for _, n := range []int{31, 257} {
				p := s.reserve(64, h)
				seq, past, _ := s.prompt(n, h, p)
				kv := &seq.KV.Layers[0]
				count := n/2 + 1
				rows, kept := make([][]int32, h.KV), &history{heads: h}
				for range count {
					kept.keys, kept.values = append(kept.keys, make([]float64, h.KV*h.Dim)), append(kept.values, make([]float64, h.KV*h.Dim))
				}
				for head := range rows {
					for _, r := range s.random.Perm(n)[:count] {
						rows[head] = append(rows[head], int32(r))
					}
					slices.Sort(rows[head])
					for i, r := range rows[head] {
						copy(kept.keys[i][head*h.Dim:(head+1)*h.Dim], past.keys[r][head*h.Dim:])
						copy(kept.values[i][head*h.Dim:(head+1)*h.Dim], past.values[r][head*h.Dim:])
					}
				}
				dst := kv.Pages
				if !inPlace {
					dst = p.take(backend.Pages(count + 8))
				}
				s.b.Keep(*kv, rows, dst)
				*kv = backend.LayerKV{Pages: dst, Len: count}
				seq.Rows = 1
				s.step("decode after each head kept its own "+shape(n, count, h.Query, h.KV, h.Dim), h, 0, []backend.Sequence{seq}, []*history{kept})
			}
		}
	}
}
