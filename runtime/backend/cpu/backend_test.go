package cpu

import (
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/backendtest"
	"aircache.dev/aircache/runtime/sampling"
)

// tolerance is what float32 sums of a few thousand terms need.
const tolerance = 2e-5

// libraries are the matrix libraries of this machine. OpenBLAS is tested wherever it is present.
func libraries(t testing.TB) []BLAS {
	all := []BLAS{Builtin}
	if b, err := New(Options{BLAS: OpenBLAS}); err == nil {
		all = append(all, OpenBLAS)
		closeBackend(t, b)
	} else {
		t.Logf("only the built-in products are tested: %v", err)
	}
	return all
}

func closeBackend(t testing.TB, b *Backend) {
	if err := b.Close(); err != nil {
		t.Errorf("closing the backend: %v", err)
	}
}

func TestAgainstNaiveLoops(t *testing.T) {
	for _, library := range libraries(t) {
		for _, threads := range []int{1, 3} {
			t.Run(string(library)+" on "+string(rune('0'+threads))+" threads", func(t *testing.T) {
				backendtest.Run(t, tolerance, func(t testing.TB) backend.Backend {
					b, err := New(Options{Threads: threads, BLAS: library})
					if err != nil {
						t.Fatal(err)
					}
					return b
				})
			})
		}
	}
}

// The oracle of prompts that a device compresses by itself passes its own cases.
func TestTheOracleCompresses(t *testing.T) {
	backendtest.RunCompression(t, tolerance, func(t testing.TB) backend.Backend {
		b, err := New(Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		return backendtest.Oracle{Backend: b}
	})
}

func TestNameTellsTheLibrary(t *testing.T) {
	for _, library := range libraries(t) {
		b, err := New(Options{BLAS: library})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[BLAS]string{OpenBLAS: "openblas ", Builtin: "built-in ("}[library]; !strings.HasPrefix(b.Name(), want) {
			t.Errorf("backend on %s calls itself %q", library, b.Name())
		}
		closeBackend(t, b)
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	for want, o := range map[string]Options{`"mkl"`: {BLAS: "mkl"}, "-1 threads": {Threads: -1}} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("opening with %+v says %v, it should name %s", o, err, want)
		}
	}
}

// TestOpsOfADecodeStepAllocateNothing covers both libraries, several workers and each way of a product.
func TestOpsOfADecodeStepAllocateNothing(t *testing.T) {
	h := backend.Heads{Query: 4, KV: 2, Dim: 64}
	for _, library := range libraries(t) {
		b, err := New(Options{Threads: 2, BLAS: library})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Reserve(backend.Pool{Pages: 8, Heads: h, Layers: 1, Sequences: 40, Rows: 64}); err != nil {
			t.Fatal(err)
		}
		for _, rows := range []int{1, 2, 40} {
			x, qkv, out, norm := alloc(t, b, rows, 256), alloc(t, b, rows, h.Width()), alloc(t, b, rows, 256), alloc(t, b, 1, 256)
			w, bias, angles, gate := alloc(t, b, h.Width(), 256), alloc(t, b, 1, h.Width()), alloc(t, b, rows, 64), alloc(t, b, rows, 512)
			table, inverse, logits, tokens := alloc(t, b, 9, 256), alloc(t, b, 1, 32), alloc(t, b, rows, 9), []int32{backend.Slot(3)}
			batch := make([]backend.Sequence, rows)
			for i := range batch {
				batch[i] = backend.Sequence{Rows: 1, Tokens: tokens, Slot: int32(i), Draw: sampling.Draw{Temperature: 1}, KV: backend.KVView{Layers: []backend.LayerKV{{Pages: []int32{1, 2}, Len: 20}}}}
			}
			allocations := testing.AllocsPerRun(20, func() {
				step, err := b.Stage(batch)
				if err != nil {
					t.Error(err)
				}
				b.Embed(x, table, step)
				b.Angles(angles, inverse, step)
				b.RMSNorm(x, x, norm, 1e-6)
				b.Linear(qkv, x, w, bias, false)
				b.Append(qkv, angles, 0, step, h)
				b.Attend(out, backend.Tensor{}, qkv, 0, step, h)
				b.GatedSiLU(x, gate)
				b.Sample(logits, step)
				if _, err := b.Sampled(step); err != nil {
					t.Error(err)
				}
			})
			if allocations != 0 {
				t.Errorf("%s, %d rows: %g allocations", library, rows, allocations)
			}
		}
		closeBackend(t, b)
	}
}

func alloc(t *testing.T, b *Backend, rows, cols int) backend.Tensor {
	t.Helper()
	x, err := b.Alloc(rows, cols, backend.Working)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestImpossibleMemoryIsAnError(t *testing.T) {
	b, err := New(Options{BLAS: Builtin})
	if err != nil {
		t.Fatal(err)
	}
	defer closeBackend(t, b)
	h := backend.Heads{Query: 4, KV: 2, Dim: 64}
	for _, pages := range []int{1 << 32, 1 << 60} {
		if err := b.Reserve(backend.Pool{Pages: pages, Heads: h, Layers: 1, Sequences: 1, Rows: 16}); err == nil || !strings.Contains(err.Error(), "16384 bytes") {
			t.Errorf("reserving %d pages says %v", pages, err)
		}
	}
	if _, err := b.Alloc(1<<30, 1<<30, backend.Working); err == nil || !strings.Contains(err.Error(), "1073741824 x 1073741824") {
		t.Errorf("allocating 2^60 values says %v", err)
	}
	if err := b.Reserve(backend.Pool{Pages: 1, Heads: h, Layers: 1, Sequences: 1, Rows: 16}); err != nil {
		t.Errorf("reserving one page afterwards: %v", err)
	}
}
