package cuda

import (
	"fmt"
	"unsafe"

	"aircache.dev/aircache/runtime/backend"
)

// memory is what a tensor's rows lie in.
type memory struct {
	at   uintptr
	kind int32
}

func kindOf(p backend.Precision) int32 {
	if p == backend.Exact {
		return typeF32
	}
	return typeBF16
}

func bytesOf(kind int32) int {
	if kind == typeF32 {
		return 4
	}
	return 2
}

// matrix is a tensor as the library takes it; a graph that is being recorded notes which memory it holds.
func (b *Backend) matrix(t backend.Tensor) matrix {
	if t.None() {
		return matrix{}
	}
	m := t.Memory.(*memory)
	if b.recording != nil {
		b.recording.holds[m] = true
	}
	return matrix{data: m.at + uintptr(t.Offset*bytesOf(m.kind)), rows: int32(t.Rows), cols: int32(t.Cols), kind: m.kind}
}

func (b *Backend) Alloc(rows, cols int, p backend.Precision) (backend.Tensor, error) {
	kind := kindOf(p)
	m := &b.call.memory
	*m = memoryParams{size: size(m), context: b.context, bytes: int64(rows) * int64(cols) * int64(bytesOf(kind))}
	if code := b.library.call(b.library.alloc, unsafe.Pointer(m)); code != codeOK {
		return backend.Tensor{}, fmt.Errorf("allocating %d x %d: %w", rows, cols, b.failure(code))
	}
	return backend.Tensor{Rows: rows, Cols: cols, Precision: p, Memory: &memory{at: m.data, kind: kind}}, nil
}

// Free also drops the graphs that hold the memory.
func (b *Backend) Free(t backend.Tensor) {
	m := t.Memory.(*memory)
	b.dropGraphs(func(g *graph) bool { return g.holds[m] })
	p := &b.call.memory
	*p = memoryParams{size: size(p), context: b.context, data: m.at}
	b.run(b.library.free, unsafe.Pointer(p))
	m.at = 0
}

func (b *Backend) Write(dst backend.Tensor, src []float32) {
	b.copy(b.library.write, dst, pointer(src), typeF32)
}

func (b *Backend) Read(dst []float32, src backend.Tensor) {
	b.copy(b.library.read, src, pointer(dst), typeF32)
}

// Load sends the checkpoint's bytes as they are; the device converts them where its own type is another.
func (b *Backend) Load(dst backend.Tensor, raw []byte, from backend.DType) {
	kinds := map[backend.DType]int32{backend.F32: typeF32, backend.F16: typeF16, backend.BF16: typeBF16}
	kind, known := kinds[from]
	if !known {
		b.note(fmt.Errorf("loading rows: type %q is none of F32, F16 and BF16", from))
		return
	}
	b.copy(b.library.write, dst, pointer(raw), kind)
}

func (b *Backend) copy(entry uintptr, t backend.Tensor, host unsafe.Pointer, kind int32) {
	if t.Rows*t.Cols == 0 {
		return
	}
	p := &b.call.copy
	*p = copyParams{size: size(p), hostType: kind, context: b.context, matrix: b.matrix(t), host: host}
	b.run(entry, unsafe.Pointer(p))
	p.host = nil
}
