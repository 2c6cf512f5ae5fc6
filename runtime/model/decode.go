package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/sampling"
)

// Row is one sequence's part of a decode step.
type Row struct {
	Token int32         // to feed; or backend.Slot(s): the one that was last chosen into slot s, which the host may not know yet
	Slot  int32         // where the device keeps the chosen token, or backend.NoSlot
	Draw  sampling.Draw // how it is chosen
	KV    backend.KVView
}

// Step is a launched step, or the end of a prompt: what it chose can be asked for.
type Step struct {
	Batch     backend.Batch
	logits    backend.Tensor
	sequences int
}

// Launch advances every sequence of the batch by one token and chooses the next ones. It does not wait for a device that works
// beside the host; errors of the device come with Take. In the steady state it allocates nothing.
func (m *LLaVA) Launch(rows []Row) (Step, error) {
	if len(rows) == 0 {
		return Step{}, fmt.Errorf("decoding: there is no sequence")
	}
	if err := m.checkRows(rows); err != nil {
		return Step{}, fmt.Errorf("decoding: %w", err)
	}
	s, err := m.launch(rows)
	if err != nil {
		return Step{}, fmt.Errorf("decoding: %w", err)
	}
	return s, nil
}

func (m *LLaVA) launch(rows []Row) (Step, error) {
	bucket := m.ops.Bucket(len(rows))
	m.stageRows(rows, bucket)
	batch, err := m.ops.Stage(m.sequences)
	if err != nil {
		return Step{}, err
	}
	if err := m.decoder.beginStep(batch); err != nil {
		return Step{}, err
	}
	m.ops.Capture(m.keyOf(bucket), m.decoder.record)
	return Step{Batch: batch, logits: m.decoder.step.logits.Top(len(rows)), sequences: len(rows)}, m.ops.Refused()
}

// stageRows lists the rows, and sequences without a cache up to the bucket's size.
func (m *LLaVA) stageRows(rows []Row, bucket int) {
	m.sequences, m.ids = m.sequences[:0], m.ids[:0]
	for i := range rows {
		m.ids = append(m.ids, rows[i].Token)
	}
	for len(m.ids) < bucket {
		m.ids = append(m.ids, 0)
	}
	for i := range m.ids {
		s := backend.Sequence{Rows: 1, Tokens: m.ids[i : i+1], Slot: backend.NoSlot}
		if i < len(rows) {
			s.Slot, s.Draw, s.KV = rows[i].Slot, rows[i].Draw, rows[i].KV
		}
		m.sequences = append(m.sequences, s)
	}
}

// keyOf names the captured step of a bucket.
func (m *LLaVA) keyOf(bucket int) string {
	for len(m.keys) <= bucket {
		m.keys = append(m.keys, fmt.Sprintf("decode %d", len(m.keys)))
	}
	return m.keys[bucket]
}

// Take waits for a step and gives its choices, one a sequence. A step can be taken
// until backend.BatchesAlive others were launched after it.
func (m *LLaVA) Take(s Step) ([]sampling.Choice, error) {
	choices, err := m.ops.Sampled(s.Batch)
	if err != nil {
		return nil, fmt.Errorf("waiting for a step: %w", err)
	}
	return choices[:s.sequences], nil
}

// Logits reads what a step chose from: of the given sequences, or of all. The step must be the last one launched, or the
// prompt's while no other has ended. The rows are valid until the next call.
func (m *LLaVA) Logits(s Step, sequences ...int) ([][]float32, error) {
	if len(sequences) == 0 {
		rows := m.logitRows(s.sequences)
		m.ops.Read(m.logits, s.logits)
		return rows, m.readLogits()
	}
	rows := m.logitRows(len(sequences))
	for i, q := range sequences {
		if q < 0 || q >= s.sequences {
			return nil, fmt.Errorf("reading logits: sequence %d is outside 0..%d", q, s.sequences-1)
		}
		m.ops.Read(rows[i], s.logits.Slice(q, q+1))
	}
	return rows, m.readLogits()
}

func (m *LLaVA) readLogits() error {
	if err := m.ops.Sync(); err != nil {
		return fmt.Errorf("reading logits: %w", err)
	}
	return nil
}

func (m *LLaVA) checkRows(batch []Row) error {
	for i := range batch {
		row := &batch[i]
		if row.Token < -backend.Slots || int(row.Token) >= m.config.Vocab {
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
