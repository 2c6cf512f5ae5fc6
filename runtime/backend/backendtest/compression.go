package backendtest

import (
	"slices"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
)

// compression compares a device that compacts prompts by itself with the oracle over the same device's scores: budgets, windows,
// importance, and every key and value that is kept.
func (s *suite) compression() {
	const layers, before, visual, after = 3, 5, 333, 14
	paper, byHead := compress.Paper(), compress.Defaults()
	byHead.Granularity = compress.ByKVHead
	for _, o := range []compress.Options{compress.Defaults(), paper, byHead} {
		if !s.b.Compresses(o) {
			continue
		}
		for _, h := range []backend.Heads{{Query: 4, KV: 2, Dim: 64}, {Query: 28, KV: 4, Dim: 128}} {
			p := s.reserve(512, h)
			prompt := compress.Prompt{Rows: before + visual + after}
			for row := range int32(prompt.Rows) {
				switch {
				case row >= before && row < before+visual:
					prompt.Visual = append(prompt.Visual, row)
					if row%29 == 0 && h.KV == 4 { // and prompts without padding
						prompt.Padding = append(prompt.Padding, row)
					}
				case row >= before+visual:
					prompt.Observe = append(prompt.Observe, row)
				}
			}
			c := backend.Compression{Options: o, Heads: h, Prompt: prompt}
			var known []backend.Tensor
			for layer := range layers {
				kv, queries, sums := s.promptLayer(layer, prompt, h, p)
				c.Sources, c.Queries, known = append(c.Sources, kv), append(c.Queries, queries), append(known, sums)
			}
			for i, permille := range []int{1000, 350, 350, 100, 20} {
				c.Permille, c.Pages, c.Sums = permille, nil, nil
				if i%2 == 1 {
					c.Sums = known
				}
				if permille < compress.Everything {
					quota := compress.Quota{Visual: visual, Layers: layers, Permille: permille}
					c.Pages = p.take(backend.LeastPages(layers, before+after, quota.Total(layers)))
				}
				s.compareCompression(c)
			}
		}
	}
}

// promptLayer fills one layer of a prompt, and saves the queries of its observed rows and the sums of their attention.
func (s *suite) promptLayer(layer int, prompt compress.Prompt, h backend.Heads, p *pages) (kv backend.LayerKV, queries, sums backend.Tensor) {
	s.Helper()
	x := s.normal(prompt.Rows*h.Width(), 1)
	tables := make([]backend.LayerKV, layer+1)
	tables[layer].Pages = p.take(backend.Pages(prompt.Rows))
	b := s.stage(backend.Sequence{Rows: prompt.Rows, Slot: backend.NoSlot, KV: backend.KVView{Layers: tables}})
	qkv, all := s.tensor(prompt.Rows, h.Width(), x), s.exact(prompt.Rows, h.Query, make([]float32, prompt.Rows*h.Query))
	s.b.Append(qkv, s.still(prompt.Rows, h), layer, b, h)
	s.b.Attend(s.filled(prompt.Rows, h.Query*h.Dim), all, qkv, layer, b, h)
	sums = s.exact(len(prompt.Observe), h.Query, make([]float32, len(prompt.Observe)*h.Query))
	s.b.Gather(sums, all, prompt.Observe)
	var saved []float32
	for _, row := range prompt.Observe {
		saved = append(saved, x[int(row)*h.Width():][:h.Query*h.Dim]...)
	}
	tables[layer].Len = prompt.Rows
	return tables[layer], s.tensor(len(prompt.Observe), h.Query*h.Dim, saved), sums
}

func (s *suite) compareCompression(c backend.Compression) {
	s.Helper()
	name := shape(c.Permille, c.Heads.Query, c.Heads.KV, c.Heads.Dim) + " " + string(c.Options.Granularity) + " " + string(c.Options.LayerBudget)
	ticket, err := s.b.Compress(c)
	if err != nil {
		s.Fatalf("compression %s: %v", name, err)
	}
	got, err := ticket.Result()
	if err != nil {
		s.Fatalf("compression %s: %v", name, err)
	}
	var want backend.Compressed
	kept := make([][][]int32, len(c.Sources))
	var rankings []compress.Ranking
	for layer, kv := range c.Sources {
		scorer := &oracleScorer{b: s.b, c: &c, kv: kv, q: c.Queries[layer]}
		r, err := compress.RankLayer(compress.AirCache{Options: c.Options}, c.Prompt, layer, scorer)
		if err != nil {
			s.Fatalf("compression %s: %v", name, err)
		}
		rankings = append(rankings, r)
		want.Elite, want.Scores = append(want.Elite, r.Elite), append(want.Scores, scorer.scaled...)
	}
	if len(c.Pages) > 0 {
		plan := compress.Decide(compress.AirCache{Options: c.Options}, rankings, compress.Quota{Visual: len(c.Prompt.Visual), Layers: len(c.Sources), Permille: c.Permille})
		want.Kept = plan.Budgets
		for layer, selection := range plan.Kept {
			for _, visual := range selection {
				kept[layer] = append(kept[layer], c.Prompt.Kept(visual))
			}
		}
	}
	if !slices.Equal(got.Kept, want.Kept) || !slices.Equal(got.Elite, want.Elite) {
		s.Errorf("compression %s keeps %v by windows of %v, the oracle %v by %v", name, got.Kept, got.Elite, want.Kept, want.Elite)
		return
	}
	s.compare("importance of compression "+name, got.Scores, double(want.Scores))
	if len(c.Pages) > 0 {
		s.compareKept(name, c, kept)
	}
}

// compareKept reads the fresh pages, and the rows of the source that should lie in them.
func (s *suite) compareKept(name string, c backend.Compression, kept [][][]int32) {
	s.Helper()
	pages, h := c.Pages, c.Heads
	for layer, lists := range kept {
		n := len(lists[0])
		all := make([]int32, n)
		for i := range all {
			all[i] = int32(i)
		}
		keys, values := s.rows(backend.LayerKV{Pages: pages[:backend.Pages(n)], Len: n}, all, h)
		pages = pages[backend.Pages(n):]
		for head := range h.KV {
			list := lists[min(head, len(lists)-1)]
			wantKeys, wantValues := s.rows(c.Sources[layer], list, h)
			for i := range n {
				at := (i*h.KV + head) * h.Dim
				if !slices.Equal(keys[at:at+h.Dim], wantKeys[at:at+h.Dim]) || !slices.Equal(values[at:at+h.Dim], wantValues[at:at+h.Dim]) {
					s.Errorf("compression %s: row %d of layer %d, head %d, is not the prompt's row %d", name, i, layer, head, list[i])
					return
				}
			}
		}
	}
}

func (s *suite) rows(kv backend.LayerKV, rows []int32, h backend.Heads) (keys, values []float32) {
	n := len(rows) * h.KV * h.Dim
	keys, values = make([]float32, n), make([]float32, n)
	s.b.ReadRows(keys, values, kv, rows)
	return keys, values
}
