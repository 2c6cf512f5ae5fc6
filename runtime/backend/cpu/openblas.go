package cpu

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

const openBLASLibrary = "libopenblas.so.0"

// openBLASLib calls the Fortran entry point: it takes pointers only, which is what purego.SyscallN passes exactly, and
// calling through it neither reflects nor allocates.
type openBLASLib struct {
	version string
	sgemm   uintptr
	calls   []fortranCall // one per worker
}

// fortranCall is the memory that the pointers of one call lead to.
type fortranCall struct {
	m, n, k, lda, ldb, ldc int32
	alpha, beta            float32
	trans, plain           byte
	args                   [15]uintptr
	_                      [64]byte // no two workers write one cache line
}

func loadOpenBLAS(threads int) (*openBLASLib, error) {
	// Read when the library starts: it then starts no threads of its own, which would spin for milliseconds after every call.
	if err := os.Setenv("OPENBLAS_NUM_THREADS", "1"); err != nil {
		return nil, fmt.Errorf("setting OPENBLAS_NUM_THREADS: %w", err)
	}
	lib, err := purego.Dlopen(openBLASLibrary, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", openBLASLibrary, err)
	}
	var missing []error
	symbol := func(name string) uintptr {
		f, err := purego.Dlsym(lib, name)
		if err != nil {
			missing = append(missing, fmt.Errorf("looking up %s in %s: %w", name, openBLASLibrary, err))
		}
		return f
	}
	b := &openBLASLib{sgemm: symbol("sgemm_"), calls: make([]fortranCall, threads)}
	setThreads, config := symbol("openblas_set_num_threads"), symbol("openblas_get_config")
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	purego.SyscallN(setThreads, 1)
	b.version = openBLASVersion(config)
	return b, nil
}

// openBLASVersion takes "0.3.21" out of "OpenBLAS 0.3.21 DYNAMIC_ARCH ...".
func openBLASVersion(config uintptr) string {
	var text func() string
	purego.RegisterFunc(&text, config)
	if words := strings.Fields(text()); len(words) > 1 {
		return words[1]
	}
	return "of unknown version"
}

func (b *openBLASLib) name() string { return "openblas " + b.version }

// smallProduct is m*n*k up to which OpenBLAS multiplies without packing its operands first. Products of few rows are cut into
// pieces of at most this; measured on one AVX-512 core with weights out of the cache, whole against cut: 4 x 1536 x 256 takes 332
// against 187 us, 8 x 256 x 768 takes 106 against 58, 32 x 1536 x 256 takes 420 against 371; from 48 rows on nothing is won.
const (
	smallProduct = 1 << 18
	fewRows      = 32
)

// dotRows are so few that plain dots are as fast as the memory and save the calls: a decode step of one sequence takes 2.4 ms of
// processor time with them and 4.6 with sgemv, of two sequences 4.0 and 5.0, of eight 12.6 and 9.8.
const dotRows = 2

// productT: Fortran is column-major, so c^T = b a^T is computed, with b transposed.
func (b *openBLASLib) productT(worker int, s size, alpha float32, a, w panel, beta float32, c panel) {
	if s.m <= dotRows {
		builtinBLAS{}.productT(worker, s, alpha, a, w, beta, c)
		return
	}
	step := s.n
	if s.m <= fewRows {
		step = max(16, smallProduct/(s.m*s.k))
	}
	for from := 0; from < s.n; from += step {
		piece := size{s.m, min(step, s.n-from), s.k}
		b.gemm(worker, 'T', piece, alpha, w.at(from, 0), a, beta, c.at(0, from))
	}
}

func (b *openBLASLib) product(worker int, s size, a, w, c panel) {
	b.gemm(worker, 'N', s, 1, w, a, 0, c)
}

func (b *openBLASLib) gemm(worker int, trans byte, s size, alpha float32, first, second panel, beta float32, c panel) {
	f := &b.calls[worker]
	f.m, f.n, f.k, f.alpha, f.beta, f.trans, f.plain = int32(s.n), int32(s.m), int32(s.k), alpha, beta, trans, 'N'
	f.lda, f.ldb, f.ldc = int32(first.stride), int32(second.stride), int32(c.stride)
	f.args = [15]uintptr{address(&f.trans), address(&f.plain), address(&f.m), address(&f.n), address(&f.k), address(&f.alpha),
		address(&first.data[0]), address(&f.lda), address(&second.data[0]), address(&f.ldb), address(&f.beta),
		address(&c.data[0]), address(&f.ldc), 1, 1}
	purego.SyscallN(b.sgemm, f.args[:]...)
	runtime.KeepAlive(first.data)
	runtime.KeepAlive(second.data)
	runtime.KeepAlive(c.data)
	runtime.KeepAlive(b)
}

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }
