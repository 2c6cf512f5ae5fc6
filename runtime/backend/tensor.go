package backend

import "aircache.dev/aircache/runtime/weights"

// A Tensor is a row-major matrix in a backend's memory. It is a small value: copying it copies no data.
// The zero Tensor means "none", for instance no bias.
type Tensor struct {
	Rows, Cols int
	Offset     int // elements from the start of Memory
	Precision  Precision
	Memory     any // the backend's own handle
}

// Precision is how a tensor's values are stored.
type Precision uint8

const (
	Working Precision = iota // the backend's own: float32 on the CPU, bfloat16 on CUDA
	Exact                    // float32 everywhere: angles, logits
)

// DType is how a checkpoint stores values, as safetensors spells it.
type DType = weights.DType

// What a backend loads.
const (
	F32  = weights.F32
	F16  = weights.F16
	BF16 = weights.BF16
)

// None reports whether t is the zero Tensor.
func (t Tensor) None() bool { return t.Memory == nil }

// Slice is the view of rows from..to (to excluded). The caller keeps 0 <= from <= to <= Rows.
func (t Tensor) Slice(from, to int) Tensor {
	t.Offset += from * t.Cols
	t.Rows = to - from
	return t
}

// Top is the view of the first n rows.
func (t Tensor) Top(n int) Tensor { return t.Slice(0, n) }

// Fold is the view of every n rows as one; Rows is a multiple of n.
func (t Tensor) Fold(n int) Tensor {
	t.Rows, t.Cols = t.Rows/n, t.Cols*n
	return t
}

// Flat is the view of n values from a place on, as one row.
func (t Tensor) Flat(from, n int) Tensor {
	t.Offset += from
	t.Rows, t.Cols = 1, n
	return t
}
