package backend

// A Tensor is a row-major matrix of float32 in a backend's memory. It is a small value: copying it copies no data.
// The zero Tensor means "none", for instance no bias.
type Tensor struct {
	Rows, Cols int
	Offset     int // elements from the start of Memory
	Memory     any // the backend's own handle
}

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
