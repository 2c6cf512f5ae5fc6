package backendtest

import (
	"math"
	"slices"

	"aircache.dev/aircache/runtime/backend"
)

// history is what the reference knows of one sequence in one layer: all keys and values, in cache order.
type history struct {
	heads        backend.Heads
	keys, values [][]float64 // per row: all KV heads
}

// push takes keys and values of fused rows.
func (h *history) push(qkv []float32) {
	width, query, kv := h.heads.Width(), h.heads.Query*h.heads.Dim, h.heads.KV*h.heads.Dim
	for ; len(qkv) > 0; qkv = qkv[width:] {
		h.keys = append(h.keys, double(qkv[query:query+kv]))
		h.values = append(h.values, double(qkv[query+kv:width]))
	}
}

// weights is softmax(q K^T / sqrt(Dim)) over the given rows, for one query head.
func (h *history) weights(q []float64, head int, rows []int) []float64 {
	kv := head / (h.heads.Query / h.heads.KV) * h.heads.Dim
	w, sum, highest := make([]float64, len(rows)), 0.0, math.Inf(-1)
	for i, r := range rows {
		for d, v := range q {
			w[i] += v * h.keys[r][kv+d] / math.Sqrt(float64(h.heads.Dim))
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

// attend is the attention of one fused row to the first n rows.
func (h *history) attend(qkv []float32, n int) []float64 {
	out, dim, rows := make([]float64, h.heads.Query*h.heads.Dim), h.heads.Dim, make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	for head := range h.heads.Query {
		kv := head / (h.heads.Query / h.heads.KV) * dim
		for i, w := range h.weights(double(qkv[head*dim:(head+1)*dim]), head, rows) {
			for d := range dim {
				out[head*dim+d] += w * h.values[i][kv+d]
			}
		}
	}
	return out
}

func (s *suite) mix() {
	for _, h := range s.shapes.Mix {
		for _, rows := range []int{1, 31, 33, 129} {
			for _, sequences := range []int{1, 3} {
				x := s.normal(sequences*rows*h.Width(), 2)
				dst := s.filled(sequences*rows, h.Query*h.Dim)
				s.b.Mix(dst, s.tensor(sequences*rows, h.Width(), x), sequences, h)
				var want []float64
				for q := range sequences {
					own := x[q*rows*h.Width() : (q+1)*rows*h.Width()]
					past := history{heads: h}
					past.push(own)
					for r := range rows {
						want = append(want, past.attend(own[r*h.Width():], rows)...)
					}
				}
				s.expect("mix "+shape(sequences, rows, h.Query, h.KV, h.Dim), dst, want)
			}
		}
	}
}

// pages deals pages in random order, so that no backend may count on neighbours.
type pages struct{ free []int32 }

func (s *suite) reserve(n int, h backend.Heads) *pages {
	s.Helper()
	if err := s.b.Reserve(backend.Pool{Pages: n, Heads: h, Layers: 3, Sequences: 8, Rows: n * backend.PageTokens}); err != nil {
		s.Fatalf("reserving %d pages: %v", n, err)
	}
	p := &pages{}
	for _, i := range s.random.Perm(n) {
		p.free = append(p.free, int32(i))
	}
	return p
}

func (p *pages) take(n int) []int32 {
	taken := p.free[:n:n]
	p.free = p.free[n:]
	return taken
}

// step appends and attends a batch of new rows, and compares with the histories, which grow along.
func (s *suite) step(what string, h backend.Heads, layer int, batch []backend.Sequence, past []*history) {
	s.Helper()
	total := 0
	for _, q := range batch {
		total += q.Rows
	}
	x := s.normal(total*h.Width(), 2)
	qkv, dst := s.tensor(total, h.Width(), x), s.filled(total, h.Query*h.Dim)
	b := s.stage(batch...)
	s.b.Append(qkv, s.still(total, h), layer, b, h)
	s.b.Attend(dst, qkv, layer, b, h)
	var want []float64
	for i, q := range batch {
		rows := x[:q.Rows*h.Width()]
		x = x[len(rows):]
		if len(q.KV.Layers) == 0 {
			want = append(want, make([]float64, q.Rows*h.Query*h.Dim)...)
			continue
		}
		past[i].push(rows)
		for r := range q.Rows {
			seen := q.KV.Layers[layer].Len + r + 1
			want = append(want, past[i].attend(rows[r*h.Width():], seen)...)
		}
		q.KV.Layers[layer].Len += q.Rows
	}
	s.expect(what, dst, want)
}

func (s *suite) cache() {
	const layer = 1
	for _, h := range s.shapes.Cache {
		p := s.reserve(64, h)
		lengths := []int{1, 15, 16, 31, 33, 257}
		var batch []backend.Sequence
		var past []*history
		for i, n := range lengths {
			kv := backend.KVView{Layers: []backend.LayerKV{{}, {Pages: p.take(backend.Pages(n + 40))}}}
			batch = append(batch, backend.Sequence{Rows: n, KV: kv})
			past = append(past, &history{heads: h})
			s.step("prompt "+shape(n, h.Query, h.KV, h.Dim), h, layer, batch[i:], past[i:])
		}
		for i := range batch {
			batch[i].Rows = 1
		}
		for range 2 {
			s.step("decode "+shape(h.Query, h.KV, h.Dim), h, layer, batch, past)
		}
		padded := append(slices.Clone(batch), backend.Sequence{Rows: 1, Slot: backend.NoSlot}, backend.Sequence{Rows: 1, Slot: backend.NoSlot})
		s.step("decode of a step that is filled up "+shape(h.Query, h.KV, h.Dim), h, layer, padded, append(slices.Clone(past), nil, nil))
		s.step("decode of one "+shape(h.Query, h.KV, h.Dim), h, layer, batch[4:5], past[4:5])
		for i := range batch {
			batch[i].Rows = 1 + 5*i
		}
		s.step("later chunks of prompts "+shape(h.Query, h.KV, h.Dim), h, layer, batch, past)
	}
}
