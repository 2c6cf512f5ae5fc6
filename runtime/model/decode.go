package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

// Decode advances every sequence of the batch by one token and returns a row of logits for each. The rows are valid until the
// next Decode. In the steady state it allocates nothing.
func (m *LLaVA) Decode(batch []DecodeRow) ([][]float32, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	if err := m.checkBatch(batch); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	m.ids, m.decoder.sequence = m.ids[:0], m.decoder.sequence[:0]
	for i := range batch {
		m.ids = append(m.ids, batch[i].Token)
		m.decoder.sequence = append(m.decoder.sequence, backend.Sequence{Rows: 1, KV: batch[i].KV})
	}
	s, err := m.decoder.start(m.decoder.sequence)
	if err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	m.ops.Gather(s.x, m.decoder.embed, m.ids)
	for layer := range m.config.Layers {
		m.decoder.block(layer, &s)
	}
	logits, err := m.decoder.predict(s.x)
	if err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	rows := m.logitRows(len(batch))
	m.ops.Read(m.logits, logits)
	if err := m.ops.Sync(); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	return rows, nil
}

func (m *LLaVA) checkBatch(batch []DecodeRow) error {
	for i := range batch {
		row := &batch[i]
		if row.Token < 0 || int(row.Token) >= m.config.Vocab {
			return fmt.Errorf("sequence %d: token %d is outside 0..%d", i, row.Token, m.config.Vocab-1)
		}
		if row.KV.Position < 0 || row.KV.Position >= m.config.MaxPosition {
			return fmt.Errorf("sequence %d: position %d is outside of the model's %d", i, row.KV.Position, m.config.MaxPosition)
		}
		if len(row.KV.Layers) != m.config.Layers {
			return fmt.Errorf("sequence %d: the cache has %d layers, the model %d", i, len(row.KV.Layers), m.config.Layers)
		}
	}
	return nil
}

// logitRows cuts the reused host memory into rows.
func (m *LLaVA) logitRows(n int) [][]float32 {
	if want := n * m.config.Vocab; cap(m.logits) < want {
		m.logits = make([]float32, want)
	} else {
		m.logits = m.logits[:want]
	}
	m.rows = m.rows[:0]
	for i := range n {
		m.rows = append(m.rows, m.logits[i*m.config.Vocab:(i+1)*m.config.Vocab])
	}
	return m.rows
}
