package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

// Prefill runs the prompt of one sequence, image tokens replaced by the rows of v in order, and appends K and V of every row
// to kv's pages. It saves the queries of the tokens in observe (ascending indices into tokens) for every layer, and returns
// the logits of the last row. Without observe the second result is nil.
func (m *LLaVA) Prefill(tokens []int32, v Visual, kv backend.KVView, observe []int32) ([]float32, *Observed, error) {
	images, err := m.checkPrompt(tokens, v, kv)
	if err != nil {
		return nil, nil, fmt.Errorf("prefilling %d tokens: %w", len(tokens), err)
	}
	logits := make([]float32, m.config.Vocab)
	obs, err := m.prefill(tokens, images, v, kv, observe, logits)
	if err != nil {
		obs.Release()
		return nil, nil, fmt.Errorf("prefilling %d tokens: %w", len(tokens), err)
	}
	if len(observe) == 0 {
		obs = nil
	}
	return logits, obs, nil
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

func (m *LLaVA) prefill(tokens, images []int32, v Visual, kv backend.KVView, observe []int32, logits []float32) (*Observed, error) {
	obs, err := m.observation(len(tokens), kv, observe)
	if err != nil {
		return obs, err
	}
	s, err := m.decoder.start([]backend.Sequence{{Rows: len(tokens), KV: kv}})
	if err != nil {
		return obs, err
	}
	m.embed(&s, tokens, images, v)
	for layer := range m.config.Layers {
		m.decoder.block(layer, &s)
		m.note("text", layer+1, s.x)
		if len(observe) > 0 {
			m.ops.Gather(obs.queries[layer], s.qkv, observe)
		}
	}
	last, err := m.decoder.predict(s.x.Slice(s.x.Rows-1, s.x.Rows))
	if err != nil {
		return obs, err
	}
	m.ops.Read(logits, last)
	return obs, m.ops.Sync()
}

// embed looks up the tokens; image tokens, which may lie outside of the vocabulary, become the pictures' rows.
func (m *LLaVA) embed(s *step, tokens, images []int32, v Visual) {
	m.ids = append(m.ids[:0], tokens...)
	for _, i := range images {
		m.ids[i] = 0
	}
	m.ops.Gather(s.x, m.decoder.embed, m.ids)
	if len(images) > 0 {
		m.ops.Scatter(s.x, v.rows, images)
	}
	m.note("text", 0, s.x)
}

// observation makes room for the queries of the observed rows, and remembers where the keys will lie. The page lists are
// copied: the caller may change its own.
func (m *LLaVA) observation(tokens int, kv backend.KVView, observe []int32) (*Observed, error) {
	o := &Observed{free: m.ops.Free}
	if len(observe) == 0 {
		return o, nil
	}
	before := kv.Layers[0].Len
	for _, layer := range kv.Layers {
		if layer.Len != before {
			return o, fmt.Errorf("the layers hold %d and %d rows: a compacted sequence cannot be observed", before, layer.Len)
		}
		o.layers = append(o.layers, backend.LayerKV{Pages: append([]int32(nil), layer.Pages...), Len: before + tokens})
	}
	for _, row := range observe {
		o.rows = append(o.rows, int32(before)+row)
	}
	for range kv.Layers {
		q, err := m.ops.Alloc(len(observe), m.config.Heads*m.config.HeadDim)
		if err != nil {
			return o, err
		}
		o.queries = append(o.queries, q)
	}
	return o, nil
}
