package cpu

import (
	"fmt"
	"runtime"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/sampling"
)

// Options chooses how the host is used.
type Options struct {
	Threads int // 0: GOMAXPROCS
	BLAS    BLAS
}

// BLAS names a library of matrix products.
type BLAS string

const (
	Auto     BLAS = ""         // OpenBLAS where it can be opened, the built-in products otherwise
	OpenBLAS BLAS = "openblas" // an error where it cannot be opened
	Builtin  BLAS = "builtin"
)

// maxThreads is below the 64 callers that OpenBLAS of Debian has buffers for.
const maxThreads = 48

// Backend is the host as a device. It belongs to one goroutine at a time.
type Backend struct {
	blas    blas
	pool    *pool
	cache   pageCache
	steps   [backend.BatchesAlive]batch
	staged  int                  // the last of them
	slots   [backend.Slots]int32 // tokens sampled last
	scratch []scratch            // one per worker

	linear     linearWork
	norm       normWork
	heads      headsWork
	act        activateWork
	gate       gateWork
	rotate     rotateWork
	append     appendWork
	decode     decodeWork
	attend     attendWork
	gather     gatherWork
	importance importanceWork
	columns    columnsWork
	density    densityWork
	sample     sampleWork
}

var _ backend.Backend = (*Backend)(nil)

// New opens the host as a backend.
func New(o Options) (*Backend, error) {
	if o.Threads < 0 {
		return nil, fmt.Errorf("opening the cpu backend: %d threads, 0 or more wanted", o.Threads)
	}
	threads := o.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	threads = min(threads, maxThreads)
	library, err := openBLAS(o.BLAS, threads)
	if err != nil {
		return nil, fmt.Errorf("opening the cpu backend: %w", err)
	}
	return &Backend{blas: library, pool: newPool(threads), scratch: make([]scratch, threads)}, nil
}

// Name tells the matrix library, such as "openblas 0.3.21" or "built-in (AVX2)".
func (b *Backend) Name() string { return b.blas.name() }

// Asynchronous: no.
func (b *Backend) Asynchronous() bool { return false }

// Sync has nothing to wait for: every op is complete on return.
func (b *Backend) Sync() error { return nil }

// Close ends the workers and gives the pages back. The backend must not be used afterwards.
func (b *Backend) Close() error {
	b.pool.close()
	return b.cache.release()
}

// scratch is one worker's memory for products and score rows; it grows to what the longest prompt needed.
type scratch struct {
	scores  []float32
	chooser sampling.Chooser
}

func (s *scratch) floats(n int) []float32 {
	if cap(s.scores) < n {
		s.scores = make([]float32, n)
	}
	return s.scores[:n]
}
