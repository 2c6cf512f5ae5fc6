package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/weights"
)

// loader moves weights from the checkpoint to the device. Its first error sticks, so that a family's list of tensors reads as
// a list.
type loader struct {
	from source
	ops  *backend.Checked
	err  error
}

// source is where weights come from: a checkpoint, or chance.
type source interface {
	Has(name string) bool
	Use(name string, use func(weights.Tensor) error, wantShape ...int) error
}

// alloc makes a tensor of the backend's own precision.
func (l *loader) alloc(rows, cols int) backend.Tensor {
	if l.err != nil {
		return backend.Tensor{}
	}
	t, err := l.ops.Alloc(rows, cols, backend.Working)
	l.err = err
	return t
}

// load brings one checkpoint tensor of a known shape to a device tensor with as many values.
func (l *loader) load(dst backend.Tensor, name string, shape ...int) {
	if l.err != nil {
		return
	}
	l.err = l.from.Use(name, func(t weights.Tensor) error {
		l.ops.Load(dst, t.Data, t.DType)
		return l.ops.Refused()
	}, shape...)
}

// matrix is one [rows, cols] weight.
func (l *loader) matrix(name string, rows, cols int) backend.Tensor {
	t := l.alloc(rows, cols)
	l.load(t, name, rows, cols)
	return t
}

// vector is one weight of n values.
func (l *loader) vector(name string, n int) backend.Tensor {
	t := l.alloc(1, n)
	l.load(t, name, n)
	return t
}

// reshaped is one weight whose values are taken as [rows, cols].
func (l *loader) reshaped(name string, rows, cols int, shape ...int) backend.Tensor {
	t := l.alloc(rows, cols)
	l.load(t, name, shape...)
	return t
}

// columns is a weight [rows, n*cols] cut by columns into n parts.
func (l *loader) columns(name string, rows, cols, n int) []backend.Tensor {
	parts := make([]backend.Tensor, n)
	for i := range parts {
		parts[i] = l.alloc(rows, cols)
	}
	if l.err != nil {
		return parts
	}
	l.err = l.from.Use(name, func(t weights.Tensor) error {
		width := cols * t.DType.Bytes()
		for i, part := range parts {
			raw := make([]byte, 0, rows*width)
			for r := range rows {
				raw = append(raw, t.Data[(r*n+i)*width:][:width]...)
			}
			l.ops.Load(part, raw, t.DType)
		}
		return l.ops.Refused()
	}, rows, n*cols)
	return parts
}

// frames is the weight of a convolution over equal frames, [rows, channels, n, side, side], cut into n parts: one a frame.
func (l *loader) frames(name string, rows, channels, n, side int) []backend.Tensor {
	parts := make([]backend.Tensor, n)
	for i := range parts {
		parts[i] = l.alloc(rows, channels*side*side)
	}
	if l.err != nil {
		return parts
	}
	l.err = l.from.Use(name, func(t weights.Tensor) error {
		from := backend.DType(t.DType)
		area := side * side * from.Bytes()
		for i, part := range parts {
			raw := make([]byte, 0, rows*channels*area)
			for plane := range rows * channels {
				raw = append(raw, t.Data[(plane*n+i)*area:][:area]...)
			}
			l.ops.Load(part, raw, from)
		}
		return l.ops.Refused()
	}, rows, channels, n, side, side)
	return parts
}

// scaled is a weight [rows, cols] whose rows are multiplied by a vector; cols 0: a bias of so many values.
func (l *loader) scaled(name, by string, rows, cols int) backend.Tensor {
	t, shape := l.alloc(1, rows), []int{rows}
	if cols > 0 {
		t, shape = l.alloc(rows, cols), []int{rows, cols}
	}
	scale := l.values(by, rows)
	x := l.values(name, shape...)
	if l.err != nil || x == nil { // none where weights are only measured
		return t
	}
	for i := range x {
		x[i] *= scale[i/max(1, cols)]
	}
	l.ops.Write(t, x)
	l.err = l.ops.Refused()
	return t
}

// values are a weight's on the host.
func (l *loader) values(name string, shape ...int) (values []float32) {
	if l.err == nil {
		l.err = l.from.Use(name, func(t weights.Tensor) error {
			values = make([]float32, t.Values())
			t.DType.Widen(values, t.Data)
			return nil
		}, shape...)
	}
	return values
}

// part is one of several weights that lie below each other, so that one product computes them.
type part struct {
	name string
	rows int
}

func (l *loader) stack(cols int, parts ...part) backend.Tensor {
	rows := 0
	for _, p := range parts {
		rows += p.rows
	}
	t := l.alloc(rows, cols)
	from := 0
	for _, p := range parts {
		l.load(t.Slice(from, from+p.rows), p.name, p.rows, cols)
		from += p.rows
	}
	return t
}

// chain is vectors behind each other.
func (l *loader) chain(parts ...part) backend.Tensor {
	n := 0
	for _, p := range parts {
		n += p.rows
	}
	t := l.alloc(1, n)
	from := 0
	for _, p := range parts {
		l.load(t.Flat(from, p.rows), p.name, p.rows)
		from += p.rows
	}
	return t
}

// exact is a row of numbers that are not the checkpoint's.
func (l *loader) exact(values []float32) backend.Tensor {
	if l.err != nil {
		return backend.Tensor{}
	}
	t, err := l.ops.Alloc(1, len(values), backend.Exact)
	if l.err = err; err == nil {
		l.ops.Write(t, values)
	}
	return t
}

// qkv stacks the three projections of an attention.
func (l *loader) qkv(prefix string, h backend.Heads, hidden int) backend.Tensor {
	q, kv := h.Query*h.Dim, h.KV*h.Dim
	return l.stack(hidden, part{prefix + "q_proj.weight", q}, part{prefix + "k_proj.weight", kv}, part{prefix + "v_proj.weight", kv})
}

// qkvBias chains their biases.
func (l *loader) qkvBias(prefix string, h backend.Heads) backend.Tensor {
	q, kv := h.Query*h.Dim, h.KV*h.Dim
	return l.chain(part{prefix + "q_proj.bias", q}, part{prefix + "k_proj.bias", kv}, part{prefix + "v_proj.bias", kv})
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
