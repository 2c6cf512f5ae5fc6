package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/weights"
)

// loader moves weights from the checkpoint to the device. Its first error sticks, so that a family's list of tensors reads as
// a list.
type loader struct {
	from *weights.Checkpoint
	ops  *backend.Checked
	err  error
}

// read converts one tensor of a known shape.
func (l *loader) read(name string, shape ...int) []float32 {
	if l.err != nil {
		return nil
	}
	values, err := l.from.Float32(name, shape...)
	l.err = err
	return values
}

// put stacks pieces row by row into one device tensor.
func (l *loader) put(rows, cols int, pieces ...[]float32) backend.Tensor {
	if l.err != nil {
		return backend.Tensor{}
	}
	t, err := l.ops.Alloc(rows, cols)
	if err != nil {
		l.err = err
		return t
	}
	offset := 0
	for _, p := range pieces {
		l.ops.Write(backend.Tensor{Rows: 1, Cols: len(p), Offset: offset, Memory: t.Memory}, p)
		offset += len(p)
	}
	return t
}

// matrix is one [rows, cols] weight.
func (l *loader) matrix(name string, rows, cols int) backend.Tensor {
	return l.put(rows, cols, l.read(name, rows, cols))
}

// vector is one weight of n values.
func (l *loader) vector(name string, n int) backend.Tensor { return l.put(1, n, l.read(name, n)) }

// qkv stacks the three projections of an attention, and their biases, so that one product computes them.
func (l *loader) qkv(prefix string, h backend.Heads, hidden int) (weight, bias backend.Tensor) {
	q, kv := h.Query*h.Dim, h.KV*h.Dim
	weight = l.put(h.Width(), hidden, l.read(prefix+"q_proj.weight", q, hidden),
		l.read(prefix+"k_proj.weight", kv, hidden), l.read(prefix+"v_proj.weight", kv, hidden))
	bias = l.put(1, h.Width(), l.read(prefix+"q_proj.bias", q), l.read(prefix+"k_proj.bias", kv), l.read(prefix+"v_proj.bias", kv))
	return weight, bias
}

// prefix finds under which of several spellings a part's tensors stand, by one tensor that every checkpoint has.
func (l *loader) prefix(part, probe string, spellings ...string) string {
	for _, s := range spellings {
		if l.from.Has(s + probe) {
			return s
		}
	}
	if l.err == nil {
		l.err = fmt.Errorf("looking for the %s: no tensor %q under any of the prefixes %q", part, probe, spellings)
	}
	return ""
}
