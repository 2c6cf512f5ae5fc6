package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

func checkObserve(observe []int32, tokens int) error {
	last := int32(-1)
	for i, row := range observe {
		if row <= last || int(row) >= tokens {
			return fmt.Errorf("observed token %d (number %d) does not rise above %d or is not below %d", row, i, last, tokens)
		}
		last = row
	}
	return nil
}

// checkPrompt returns the rows of the image tokens.
func (m *LLaVA) checkPrompt(tokens []int32, v Visual, kv backend.KVView) (images []int32, err error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("there is no token")
	}
	if kv.Position < 0 || kv.Position+len(tokens) > m.config.MaxPosition {
		return nil, fmt.Errorf("positions %d..%d are outside of the model's %d", kv.Position, kv.Position+len(tokens)-1, m.config.MaxPosition)
	}
	if len(kv.Layers) != m.config.Layers {
		return nil, fmt.Errorf("the cache has %d layers, the model %d", len(kv.Layers), m.config.Layers)
	}
	for i, id := range tokens {
		switch {
		case id == m.config.ImageToken:
			images = append(images, int32(i))
		case id < 0 || int(id) >= m.config.Vocab:
			return nil, fmt.Errorf("token %d (number %d) is outside 0..%d", id, i, m.config.Vocab-1)
		}
	}
	if len(images) != v.Tokens {
		return nil, fmt.Errorf("the prompt has %d image tokens, the pictures give %d", len(images), v.Tokens)
	}
	return images, nil
}
