package model

import (
	"encoding/json"
	"fmt"
)

// Sizes are the widths that a model's work is counted from: bytes and products, not names.
type Sizes struct {
	Hidden, Intermediate, Layers, Heads, KVHeads, HeadDim, Vocab int

	Vision VisionSizes
}

// VisionSizes are those of the vision tower, as far as it runs.
type VisionSizes struct {
	Hidden, Intermediate int
	Layers               int // up to the last hidden state that is read
	Patches              int // rows of a tile
	PatchValues          int // numbers in a patch
	Features             int // hidden states that the projector reads side by side
}

// SizesOf reads them from a config.json, such as Shape's.
func SizesOf(config []byte) (Sizes, error) {
	var d document
	if err := json.Unmarshal(config, &d); err != nil {
		return Sizes{}, fmt.Errorf("reading a model's sizes: %w", err)
	}
	s, err := d.settings(nil)
	if err != nil {
		return Sizes{}, fmt.Errorf("reading a model's sizes: %w", err)
	}
	return sizes(&s.text, &s.vision, s.projector.features), nil
}

// Sizes of the loaded model.
func (m *LLaVA) Sizes() Sizes {
	return sizes(&m.decoder.textSettings, &m.tower.visionSettings, m.projector.features)
}

func sizes(t *textSettings, v *visionSettings, features []int) Sizes {
	s := Sizes{Hidden: t.hidden, Intermediate: t.intermediate, Layers: t.layers, Heads: t.heads.Query, KVHeads: t.heads.KV, HeadDim: t.heads.Dim, Vocab: t.vocab,
		Vision: VisionSizes{Hidden: v.hidden, Intermediate: v.intermediate, Patches: v.rows(), PatchValues: v.channels * v.patch * v.patch, Features: len(features)}}
	for _, state := range features {
		s.Vision.Layers = max(s.Vision.Layers, state)
	}
	return s
}
