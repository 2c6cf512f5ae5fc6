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

// weights is softmax(q K^T / sqrt(Dim)) over the given rows, for one query head, and logSum the logarithm of what it divides by.
func (h *history) weights(q []float64, head int, rows []int) (w []float64, logSum float64) {
	kv := head / (h.heads.Query / h.heads.KV) * h.heads.Dim
	w = make([]float64, len(rows))
	sum, highest := 0.0, math.Inf(-1)
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
	return w, highest + math.Log(sum)
}

// attend is the attention of one fused row to the first n rows, and the logarithm of each head's sum.
func (h *history) attend(qkv []float32, n int) (out, sums []float64) {
	dim, rows := h.heads.Dim, make([]int, n)
	out = make([]float64, h.heads.Query*dim)
	for i := range rows {
		rows[i] = i
	}
	for head := range h.heads.Query {
		kv := head / (h.heads.Query / h.heads.KV) * dim
		weights, sum := h.weights(double(qkv[head*dim:(head+1)*dim]), head, rows)
		sums = append(sums, sum)
		for i, w := range weights {
			for d := range dim {
				out[head*dim+d] += w * h.values[i][kv+d]
			}
		}
	}
	return out, sums
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
						out, _ := past.attend(own[r*h.Width():], rows)
						want = append(want, out...)
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

// step appends and attends a batch of new rows, and compares with the histories, which grow along. Sums are asked for and compared
// where every sequence has a cache: without one they are anything.
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
	var sums backend.Tensor
	if !slices.ContainsFunc(batch, func(q backend.Sequence) bool { return len(q.KV.Layers) == 0 }) {
		sums = s.exact(total, h.Query, make([]float32, total*h.Query))
	}
	s.b.Attend(dst, sums, qkv, layer, b, h)
	var want, wantSums []float64
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
			out, logSums := past[i].attend(rows[r*h.Width():], seen)
			want, wantSums = append(want, out...), append(wantSums, logSums...)
		}
		q.KV.Layers[layer].Len += q.Rows
	}
	s.expect(what, dst, want)
	if !sums.None() {
		s.expect("sums of "+what, sums, wantSums)
	}
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
