package cuda

import (
	"fmt"
	"slices"
	"unsafe"

	"aircache.dev/aircache/runtime/backend"
)

func (b *Backend) Gather(dst, src backend.Tensor, rows []int32) {
	b.rows(b.library.gather, dst, src, rows, nil)
}

func (b *Backend) Scatter(dst, src backend.Tensor, rows []int32) {
	b.rows(b.library.scatter, dst, src, rows, nil)
}

func (b *Backend) Blend(dst, src backend.Tensor, rows []int32, shares []float32) {
	b.rows(b.library.blend, dst, src, rows, shares)
}

func (b *Backend) rows(entry uintptr, dst, src backend.Tensor, rows []int32, shares []float32) {
	p := &b.call.rows
	*p = rowsParams{size: size(p), count: int32(len(rows)), context: b.context, dst: b.matrix(dst), src: b.matrix(src), rows: pointer(rows), shares: pointer(shares)}
	b.run(entry, unsafe.Pointer(p))
	p.rows, p.shares = nil, nil
}

// math runs an entry point on operands; those it has not are none.
func (b *Backend) math(entry uintptr, p mathParams) {
	b.call.math = p
	b.call.math.size, b.call.math.context = size(&b.call.math), b.context
	b.run(entry, unsafe.Pointer(&b.call.math))
}

func (b *Backend) Add(dst, x backend.Tensor) {
	b.math(b.library.add, mathParams{dst: b.matrix(dst), x: b.matrix(x)})
}

func (b *Backend) LayerNorm(dst, x, weight, bias backend.Tensor, eps float32) {
	b.math(b.library.layerNorm, mathParams{dst: b.matrix(dst), x: b.matrix(x), weight: b.matrix(weight), bias: b.matrix(bias), eps: eps})
}

func (b *Backend) RMSNorm(dst, x, weight backend.Tensor, eps float32) {
	b.math(b.library.rmsNorm, mathParams{dst: b.matrix(dst), x: b.matrix(x), weight: b.matrix(weight), eps: eps})
}

func (b *Backend) Linear(dst, x, w, bias backend.Tensor, add bool) {
	b.math(b.library.linear, mathParams{dst: b.matrix(dst), x: b.matrix(x), weight: b.matrix(w), bias: b.matrix(bias), add: flag(add)})
}

func (b *Backend) Activate(x backend.Tensor, f backend.Activation) {
	b.math(b.library.activate, mathParams{dst: b.matrix(x), function: int32(f)})
}

func (b *Backend) GatedSiLU(dst, x backend.Tensor) {
	b.math(b.library.gatedSiLU, mathParams{dst: b.matrix(dst), x: b.matrix(x)})
}

func (b *Backend) Mix(dst, qkv backend.Tensor, sequences int, h backend.Heads) {
	b.step(b.library.mix, stepParams{dst: b.matrix(dst), x: b.matrix(qkv), heads: shapeOf(h), sequences: int32(sequences)})
}

func (b *Backend) NormHeads(qkv, query, key backend.Tensor, eps float32, h backend.Heads) {
	b.math(b.library.normHeads, mathParams{dst: b.matrix(qkv), weight: b.matrix(query), bias: b.matrix(key), eps: eps, query: int32(h.Query * h.Dim), key: int32(h.KV * h.Dim)})
}

// Mixes says which head widths there are kernels for.
func (b *Backend) Mixes(h backend.Heads) error {
	if !slices.Contains(mixedDims, h.Dim) {
		return fmt.Errorf("the CUDA backend attends in a picture by heads of %v values", mixedDims)
	}
	return nil
}

var mixedDims = []int{64, 72, 80, 128} // as run_mix

func (b *Backend) Turn(qkv, angles backend.Tensor, h backend.Heads) {
	b.step(b.library.turn, stepParams{x: b.matrix(qkv), angles: b.matrix(angles), heads: shapeOf(h)})
}

func shapeOf(h backend.Heads) heads {
	return heads{query: int32(h.Query), kv: int32(h.KV), dim: int32(h.Dim)}
}
