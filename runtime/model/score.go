package model

import (
	"fmt"
	"slices"

	"aircache.dev/aircache/runtime/backend"
)

// Only is an observation of some of the observed rows: cache rows, ascending. It is valid until the next call of Only, and
// no longer than o.
func (m *LLaVA) Only(o *Observed, rows []int32) (*Observed, error) {
	if slices.Equal(rows, o.rows) {
		return o, nil
	}
	some := &Observed{Layer: o.Layer, kv: o.kv, rows: rows}
	if len(rows) == 0 {
		return some, nil
	}
	at := make([]int32, len(rows))
	for i, row := range rows {
		found, ok := slices.BinarySearch(o.rows, row)
		if !ok {
			return nil, fmt.Errorf("selecting queries of layer %d: row %d was not observed", o.Layer, row)
		}
		at[i] = int32(found)
	}
	var q [1]backend.Tensor
	if err := m.selected.top(q[:], len(rows)); err != nil {
		return nil, fmt.Errorf("selecting queries of layer %d: %w", o.Layer, err)
	}
	some.queries = q[0]
	m.ops.Gather(some.queries, o.queries, at)
	return some, nil
}

// TextRelevance gives, for every observed row, the weight that the last of them pays it: softmax over the observed rows'
// keys, mean over heads. The weights sum to 1. The layer's pages must still hold the whole prompt, as for all scores.
func (m *LLaVA) TextRelevance(o *Observed) ([]float32, error) {
	p := make([]float32, len(o.rows))
	m.ops.Relevance(p, o.queries, o.kv, o.rows, m.decoder.heads)
	return p, m.scored("weighing text", o)
}

// Importance gives, for every visual row, its mean weight over heads and elite rows: softmax over the visual rows and the
// elite rows up to the asking one. visual are cache rows of the prompt, elite indices into the observed rows, both ascending;
// counts is what each elite row counts, nil: all the same. byHead gives such a list for every KV head, from its own query heads.
func (m *LLaVA) Importance(o *Observed, visual []int32, elite []int, counts []float32, byHead bool) ([]float32, error) {
	lists := 1
	if byHead {
		lists = m.config.KVHeads
	}
	scores := make([]float32, lists*len(visual))
	m.ops.Importance(scores, o.queries, o.kv, backend.Window{Rows: o.rows, Elite: elite, Counts: counts, Visual: visual, ByHead: byHead}, m.decoder.heads)
	return scores, m.scored("weighing visual rows", o)
}

// Columns gives, for every cached row, what the observed rows pay it: the sum of weights[i] times the softmax weight among
// all rows up to row i, mean over heads.
func (m *LLaVA) Columns(o *Observed, weights []float32) ([]float32, error) {
	sums := make([]float32, o.kv.Len)
	m.ops.Columns(sums, o.queries, o.kv, backend.Weighted{Rows: o.rows, Weights: weights}, m.decoder.heads)
	return sums, m.scored("adding attention up", o)
}

// Density gives, for every observed row, the share of its weights that reach bar times the highest, mean over heads.
func (m *LLaVA) Density(o *Observed, bar float32) ([]float32, error) {
	shares := make([]float32, len(o.rows))
	m.ops.Density(shares, o.queries, o.kv, o.rows, bar, m.decoder.heads)
	return shares, m.scored("measuring the density of attention", o)
}

// Rows reads cached keys and values: [len(rows), KVHeads*HeadDim] each.
func (m *LLaVA) Rows(o *Observed, rows []int32) (keys, values []float32, err error) {
	width := m.config.KVHeads * m.config.HeadDim
	keys, values = make([]float32, len(rows)*width), make([]float32, len(rows)*width)
	m.ops.ReadRows(keys, values, o.kv, rows)
	return keys, values, m.scored("reading keys and values", o)
}

func (m *LLaVA) scored(doing string, o *Observed) error {
	if err := m.ops.Sync(); err != nil {
		return fmt.Errorf("%s in layer %d: %w", doing, o.Layer, err)
	}
	return nil
}

// Keep copies the given cache rows (ascending) of a layer into the pages dst: the compaction. There is one list of rows for
// all KV heads, or one for each. Keys stay rotated as they are. dst may be the leading pages of src.
func (m *LLaVA) Keep(layer int, src backend.LayerKV, rows [][]int32, dst []int32) error {
	if layer < 0 || layer >= m.config.Layers {
		return fmt.Errorf("compacting: layer %d is outside 0..%d", layer, m.config.Layers-1)
	}
	m.ops.Keep(src, rows, dst)
	if err := m.ops.Sync(); err != nil {
		return fmt.Errorf("compacting layer %d: %w", layer, err)
	}
	return nil
}
