package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

// DecodeRow is a row whose token the host knows and whose choice nobody asks for.
type DecodeRow struct {
	Token int32
	KV    backend.KVView
}

// Prefill runs a prompt to its end, without a pause, and returns the logits of its last row: for tools and tests.
func (m *LLaVA) Prefill(tokens []int32, v Visual, kv backend.KVView, observe []int32, w Watcher) ([]float32, error) {
	return PrefillWhole(m, longestUnit, Prompt{Tokens: tokens, Visual: v, KV: kv, Observe: observe, Watcher: w, Slot: backend.NoSlot})
}

// Prefiller takes a prompt in portions, as a model does.
type Prefiller interface {
	Begin(Prompt) error
	Advance(rows int) (end Step, left int, err error)
	Logits(Step, ...int) ([][]float32, error)
}

// PrefillWhole runs a prompt to its end, some rows of a layer at a time, and returns the logits of its last row.
func PrefillWhole(m Prefiller, rows int, p Prompt) ([]float32, error) {
	if err := m.Begin(p); err != nil {
		return nil, err
	}
	for {
		end, left, err := m.Advance(rows)
		if err != nil {
			return nil, err
		}
		if left > 0 {
			continue
		}
		logits, err := m.Logits(end)
		if err != nil {
			return nil, err
		}
		return append([]float32(nil), logits[0]...), nil
	}
}

// Decode advances the sequences by the given tokens and returns their logits.
func (m *LLaVA) Decode(batch []DecodeRow) ([][]float32, error) {
	rows := make([]Row, 0, len(batch))
	for _, b := range batch {
		rows = append(rows, Row{Token: b.Token, Slot: backend.NoSlot, KV: b.KV})
	}
	step, err := m.Launch(rows)
	if err != nil {
		return nil, fmt.Errorf("decoding %d sequences: %w", len(batch), err)
	}
	return m.Logits(step)
}
