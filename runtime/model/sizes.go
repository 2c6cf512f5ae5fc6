package model

import (
	"encoding/json"
	"fmt"

	"aircache.dev/aircache/runtime/backend"
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
	s, err := settingsOf(config)
	if err != nil {
		return Sizes{}, fmt.Errorf("reading a model's sizes: %w", err)
	}
	return sizes(&s.text, s.visionSizes()), nil
}

// settingsOf checks the text of a config.json alone.
func settingsOf(config []byte) (*settings, error) {
	var d document
	if err := json.Unmarshal(config, &d); err != nil {
		return nil, fmt.Errorf("reading its configuration: %w", err)
	}
	return d.settings(nil)
}

// Sizes of the loaded model.
func (m *LLaVA) Sizes() Sizes {
	return sizes(&m.decoder.textSettings, m.visionSizes)
}

func sizes(t *textSettings, v VisionSizes) Sizes {
	return Sizes{Hidden: t.hidden, Intermediate: t.intermediate, Layers: t.layers, Heads: t.heads.Query, KVHeads: t.heads.KV, HeadDim: t.heads.Dim, Vocab: t.vocab,
		Vision: v}
}

// visionHeads is the shape of the tower's attention.
func (s *settings) visionHeads() backend.Heads {
	if s.sight != nil {
		return s.sight.shape()
	}
	return s.vision.shape()
}

func (s *settings) visionSizes() VisionSizes {
	if s.sight != nil {
		return s.sight.sizes()
	}
	v := &s.vision
	sizes := VisionSizes{Hidden: v.hidden, Intermediate: v.intermediate, Patches: v.rows(), PatchValues: v.channels * v.patch * v.patch, Features: len(s.projector.features)}
	for _, state := range s.projector.features {
		sizes.Layers = max(sizes.Layers, state)
	}
	return sizes
}
