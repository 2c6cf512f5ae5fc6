package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

// TextRelevance gives, for every observed row, the weight that the last of them pays it: softmax over the observed rows'
// keys, mean over heads. The weights sum to 1. The prompt's pages must still hold the whole prompt.
func (m *LLaVA) TextRelevance(obs *Observed, layer int) ([]float32, error) {
	if err := m.checkObserved(obs, layer); err != nil {
		return nil, fmt.Errorf("weighing text: %w", err)
	}
	p := make([]float32, len(obs.rows))
	m.ops.Relevance(p, obs.queries[layer], obs.layers[layer], obs.rows, m.decoder.heads)
	if err := m.ops.Sync(); err != nil {
		return nil, fmt.Errorf("weighing text of layer %d: %w", layer, err)
	}
	return p, nil
}

// Importance gives, for every visual row, its mean weight over heads and elite rows: softmax over the visual rows and the
// elite rows up to the asking one. visual are cache rows of the prompt, elite indices into the observed rows, both ascending.
func (m *LLaVA) Importance(obs *Observed, layer int, visual []int32, elite []int) ([]float32, error) {
	if err := m.checkObserved(obs, layer); err != nil {
		return nil, fmt.Errorf("weighing visual rows: %w", err)
	}
	scores := make([]float32, len(visual))
	w := backend.Window{Rows: obs.rows, Elite: elite, Visual: visual}
	m.ops.Importance(scores, obs.queries[layer], obs.layers[layer], w, m.decoder.heads)
	if err := m.ops.Sync(); err != nil {
		return nil, fmt.Errorf("weighing visual rows of layer %d: %w", layer, err)
	}
	return scores, nil
}

// Keep copies the given cache rows (ascending) of a layer into the pages dst: the compaction. Keys stay rotated as they are.
// dst may be the leading pages of src.
func (m *LLaVA) Keep(layer int, src backend.LayerKV, rows, dst []int32) error {
	if layer < 0 || layer >= m.config.Layers {
		return fmt.Errorf("compacting: layer %d is outside 0..%d", layer, m.config.Layers-1)
	}
	m.ops.Keep(src, rows, dst)
	if err := m.ops.Sync(); err != nil {
		return fmt.Errorf("compacting layer %d: %w", layer, err)
	}
	return nil
}

func (m *LLaVA) checkObserved(obs *Observed, layer int) error {
	if obs == nil || layer < 0 || layer >= len(obs.queries) {
		return fmt.Errorf("layer %d was not observed, or is released", layer)
	}
	return nil
}
