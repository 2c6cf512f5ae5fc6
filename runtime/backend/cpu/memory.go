package cpu

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

// buffer is the Memory of a tensor.
type buffer struct{ data []float32 }

// maxValues bounds one tensor (256 GiB), so that a wrong shape is an error before it is an out-of-memory kill.
const maxValues = 1 << 36

func (b *Backend) Alloc(rows, cols int, p backend.Precision) (backend.Tensor, error) {
	if rows > maxValues/cols {
		return backend.Tensor{}, fmt.Errorf("allocating a tensor: %d x %d values, at most %d are possible", rows, cols, maxValues)
	}
	return backend.Tensor{Rows: rows, Cols: cols, Precision: p, Memory: &buffer{data: make([]float32, rows*cols)}}, nil
}

// Free gives the memory to the garbage collector, also while a stale Tensor still points to it.
func (b *Backend) Free(t backend.Tensor) { t.Memory.(*buffer).data = nil }

func (b *Backend) Write(dst backend.Tensor, src []float32) { copy(values(dst), src) }

// Load widens. The raw rows may lie in a mapped file that somebody cuts meanwhile: the fault is then the caller's own.
func (b *Backend) Load(dst backend.Tensor, raw []byte, from backend.DType) {
	from.Widen(values(dst), raw)
}

func (b *Backend) Read(dst []float32, src backend.Tensor) { copy(dst, values(src)) }

// values is the tensor's data; nil for the zero Tensor.
func values(t backend.Tensor) []float32 {
	if t.None() {
		return nil
	}
	return t.Memory.(*buffer).data[t.Offset : t.Offset+t.Rows*t.Cols]
}

func (b *Backend) Gather(dst, src backend.Tensor, rows []int32) {
	d, s := values(dst), values(src)
	for i, r := range rows {
		copy(d[i*dst.Cols:(i+1)*dst.Cols], s[int(r)*src.Cols:])
	}
}

func (b *Backend) Scatter(dst, src backend.Tensor, rows []int32) {
	d, s := values(dst), values(src)
	for i, r := range rows {
		copy(d[int(r)*dst.Cols:(int(r)+1)*dst.Cols], s[i*src.Cols:])
	}
}

func (b *Backend) Blend(dst, src backend.Tensor, rows []int32, shares []float32) {
	d, s, taps := values(dst), values(src), len(rows)/dst.Rows
	for i := range dst.Rows {
		sum := d[i*dst.Cols : (i+1)*dst.Cols]
		clear(sum)
		for t := i * taps; t < (i+1)*taps; t++ {
			axpy(shares[t], s[int(rows[t])*src.Cols:][:src.Cols], sum)
		}
	}
}

func (b *Backend) Add(dst, x backend.Tensor) {
	d, s := values(dst), values(x)
	for len(d) > 0 {
		axpy(1, s, d[:len(s)])
		d = d[len(s):]
	}
}
