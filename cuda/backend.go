package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"aircache.dev/aircache/runtime/backend"
)

// Options say which library and which GPU to use.
type Options struct {
	Library string // its file; "" looks for it
	Device  int    // among the visible GPUs
}

// Backend is a GPU. It belongs to one goroutine at a time.
type Backend struct {
	library *library
	context uintptr
	about   openParams
	err     error // the first since the last Sync
	lost    error // the device failed: stays

	steps      [backend.BatchesAlive]batch // those sampled last, and the one staged last
	staged     int                         // place of that one
	generation uint64                      // of the addresses that graphs hold
	graphs     map[string]*graph
	recording  *graph

	stage   stageParams
	call    params
	message [1024]byte
}

// params are those of the calls that return at once; they are the Backend's, so that a call allocates nothing.
type params struct {
	context contextParams
	err     errorParams
	memory  memoryParams
	copy    copyParams
	rows    rowsParams
	math    mathParams
	patches patchesParams
	step    stepParams
	graph   graphParams
	sampled sampledParams
	reserve reserveParams
	score   scoreParams
	keep    keepParams
	pages   pagesParams
	squeeze compressParams
	squozen compressedParams
}

var _ backend.Backend = (*Backend)(nil)

// Open takes a GPU. The error says what is missing: the library, the driver, a GPU, cuBLASLt, or a GPU new enough.
func Open(o Options) (*Backend, error) {
	l, err := openLibrary(o.Library)
	if err != nil {
		return nil, fmt.Errorf("opening the cuda backend: %w", err)
	}
	b := &Backend{library: l, graphs: map[string]*graph{}}
	b.about = openParams{size: uint32(unsafe.Sizeof(b.about)), device: int32(o.Device)}
	code := l.call(l.open, unsafe.Pointer(&b.about))
	b.context = b.about.context
	if code != codeOK {
		err := b.failure(code)
		b.release()
		return nil, fmt.Errorf("opening the cuda backend: %w", err)
	}
	return b, nil
}

// Name tells the GPU and the libraries, such as "cuda (NVIDIA H100 80GB HBM3, cublasLt 130002, cudnn 91900)".
func (b *Backend) Name() string { return fmt.Sprintf("cuda (%s, %s)", b.Product(), b.Libraries()) }

// Library is the file that was opened.
func (b *Backend) Library() string { return b.library.path }

// Product is the GPU's name, such as "NVIDIA H100 80GB HBM3".
func (b *Backend) Product() string {
	name, _, _ := bytes.Cut(b.about.name[:], []byte{0})
	return string(name)
}

// Libraries are what multiplies and attends where our own kernels do not, such as "cublasLt 130002, cudnn 91900".
func (b *Backend) Libraries() string {
	if b.about.cublaslt == 0 {
		return "none"
	}
	text := fmt.Sprintf("cublasLt %d", b.about.cublaslt)
	if b.about.cudnn != 0 {
		text += fmt.Sprintf(", cudnn %d", b.about.cudnn)
	}
	return text
}

// FreeMemory is the GPU's memory in bytes, for whoever sizes the page pool: what is free now, and all.
func (b *Backend) FreeMemory() (free, total int64, err error) {
	p := &b.call.memory
	*p = memoryParams{size: size(p), context: b.context}
	if code := b.library.call(b.library.memoryFree, unsafe.Pointer(p)); code != codeOK {
		return 0, 0, b.failure(code)
	}
	return p.bytes, b.about.total, nil
}

// Asynchronous: ops are queued.
func (b *Backend) Asynchronous() bool { return true }

// Sync waits for the device and returns the first error since the last Sync; a failed device's error stays.
func (b *Backend) Sync() error {
	b.run(b.library.sync, unsafe.Pointer(b.plain()))
	err := b.err
	b.err = nil
	if b.lost != nil {
		return b.lost
	}
	return err
}

// Close gives the GPU back. Tensors and graphs go with it.
func (b *Backend) Close() error {
	b.dropGraphs(func(*graph) bool { return true })
	err := b.lost
	b.release()
	return err
}

func (b *Backend) release() {
	if b.context != 0 {
		b.library.call(b.library.close, unsafe.Pointer(b.plain()))
		b.context = 0
	}
}

func (b *Backend) plain() *contextParams {
	b.call.context = contextParams{size: size(&b.call.context), context: b.context}
	return &b.call.context
}

// run calls an entry point and keeps what it got wrong.
func (b *Backend) run(entry uintptr, params unsafe.Pointer) bool {
	if b.lost != nil {
		return false
	}
	code := b.library.call(entry, params)
	if code == codeOK {
		return true
	}
	b.note(b.failure(code))
	return false
}

func (b *Backend) note(err error) {
	if b.err == nil {
		b.err = err
	}
}

// ErrUnavailable says that this machine cannot run the backend: no library, no GPU, or a driver or cuBLASLt that is missing.
var ErrUnavailable = errors.New("no GPU can be used")

// ErrDeviceLost is a device that failed: nothing runs on it again in this process.
var ErrDeviceLost = fmt.Errorf("the GPU failed: %w", backend.ErrDeviceLost)

// failure asks the library what went wrong.
func (b *Backend) failure(code int32) error {
	text := "the context is gone"
	if b.context != 0 {
		p := &b.call.err
		*p = errorParams{size: size(p), capacity: int32(len(b.message)), context: b.context, text: unsafe.Pointer(&b.message)}
		if b.library.call(b.library.lastError, unsafe.Pointer(p)) == codeOK {
			before, _, _ := bytes.Cut(b.message[:], []byte{0})
			text = string(before)
		}
	}
	switch code {
	case codeDevice:
	case codeMissing:
		return fmt.Errorf("%w: %s", ErrUnavailable, text)
	default:
		return errors.New(text)
	}
	if b.lost == nil {
		b.lost = fmt.Errorf("%w: %s", ErrDeviceLost, text)
	}
	return b.lost
}

// size is what goes into the first field of params.
func size[T any](p *T) uint32 { return uint32(unsafe.Sizeof(*p)) }
