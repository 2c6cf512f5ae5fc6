package model

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

// Prefill runs the prompt of one sequence, image tokens replaced by the rows of v in order, and appends K and V of every row
// to kv's pages. It returns the logits of the last row. The watcher, if there is one, sees each layer with the queries of
// the tokens in observe (ascending indices into tokens).
func (m *LLaVA) Prefill(tokens []int32, v Visual, kv backend.KVView, observe []int32, w Watcher) ([]float32, error) {
	images, err := m.checkPrompt(tokens, v, kv)
	if err == nil {
		err = checkObserve(observe, len(tokens))
	}
	if err != nil {
		return nil, fmt.Errorf("prefilling %d tokens: %w", len(tokens), err)
	}
	logits := make([]float32, m.config.Vocab)
	if err := m.prefill(tokens, images, v, kv, &watch{w, observe}, logits); err != nil {
		return nil, fmt.Errorf("prefilling %d tokens: %w", len(tokens), err)
	}
	return logits, nil
}

// watch is a watcher and the tokens it wants to see.
type watch struct {
	Watcher
	observe []int32
}

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

func (m *LLaVA) prefill(tokens, images []int32, v Visual, kv backend.KVView, w *watch, logits []float32) error {
	s, err := m.decoder.start([]backend.Sequence{{Rows: len(tokens), KV: kv}})
	if err != nil {
		return err
	}
	m.embed(&s, tokens, images, v)
	for layer := range m.config.Layers {
		if w.Watcher != nil {
			if err := w.Before(layer); err != nil {
				return errors.Join(err, m.ops.Sync())
			}
		}
		m.decoder.block(layer, &s)
		m.note("text", layer+1, s.x)
		if w.Watcher != nil {
			if err := m.show(w, layer, &s); err != nil {
				return errors.Join(err, m.ops.Sync())
			}
		}
	}
	last, err := m.decoder.predict(s.x.Slice(s.x.Rows-1, s.x.Rows))
	if err != nil {
		return err
	}
	m.ops.Read(logits, last)
	return m.ops.Sync()
}

// show lets the watcher see a layer that has run. All layers' queries lie in the same memory, one after the other.
func (m *LLaVA) show(w *watch, layer int, s *step) error {
	before := s.sequences[0].KV.Layers[layer]
	o := &Observed{Layer: layer, kv: backend.LayerKV{Pages: before.Pages, Len: before.Len + s.x.Rows}}
	if len(w.observe) > 0 {
		var q [1]backend.Tensor
		if err := m.queries.top(q[:], len(w.observe)); err != nil {
			return err
		}
		o.queries = q[0]
		m.ops.Gather(o.queries, s.qkv, w.observe)
		for _, row := range w.observe {
			o.rows = append(o.rows, int32(before.Len)+row)
		}
	}
	if err := m.ops.Sync(); err != nil {
		return err
	}
	return w.After(o)
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
