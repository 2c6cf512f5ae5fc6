package plan

import "aircache.dev/aircache/runtime/backend"

// Kind is how a backend stores what it computes with.
type Kind struct {
	Name         string
	Bytes        int  // of a value of the backend's own precision
	Asynchronous bool // the device works beside the host
}

// The backends that there are.
var (
	CUDA = Kind{Name: "cuda", Bytes: 2, Asynchronous: true} // bfloat16
	CPU  = Kind{Name: "cpu", Bytes: 4}                      // float32
)

// paper is a backend that allocates on paper: it counts, and computes nothing. An op that loading does not need is not there.
type paper struct {
	backend.Backend
	kind  Kind
	bytes int64
}

// sheet is the memory of one tensor.
type sheet struct{ bytes int64 }

func (p *paper) Allocated() int64 { return p.bytes }

func (p *paper) Alloc(rows, cols int, precision backend.Precision) (backend.Tensor, error) {
	size := int64(p.kind.Bytes)
	if precision == backend.Exact {
		size = 4
	}
	s := &sheet{size * int64(rows) * int64(cols)}
	p.bytes += s.bytes
	return backend.Tensor{Rows: rows, Cols: cols, Precision: precision, Memory: s}, nil
}

func (p *paper) Free(t backend.Tensor)                      { p.bytes -= t.Memory.(*sheet).bytes }
func (p *paper) Write(backend.Tensor, []float32)            {}
func (p *paper) Load(backend.Tensor, []byte, backend.DType) {}
func (p *paper) PageBytes(h backend.Heads) int              { return p.kind.Bytes * h.PageValues() }
func (p *paper) Bucket(n int) int                           { return n }
func (p *paper) Name() string                               { return p.kind.Name }
func (p *paper) Asynchronous() bool                         { return p.kind.Asynchronous }
func (p *paper) Sync() error                                { return nil }
