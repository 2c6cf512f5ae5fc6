package backendtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"aircache.dev/aircache/runtime/backend"
)

// Shapes are the attentions that a backend has kernels for.
type Shapes struct{ Cache, Mix []backend.Heads }

// anyShapes are for a backend that takes all. Odd heads come where nothing is rotated.
var anyShapes = Shapes{
	Cache: []backend.Heads{{Query: 1, KV: 1, Dim: 2}, {Query: 4, KV: 2, Dim: 64}, {Query: 3, KV: 1, Dim: 30}, {Query: 6, KV: 6, Dim: 34}},
	Mix:   []backend.Heads{{Query: 1, KV: 1, Dim: 1}, {Query: 4, KV: 2, Dim: 64}, {Query: 3, KV: 1, Dim: 31}, {Query: 6, KV: 6, Dim: 33}},
}

// Run holds a backend against the reference. open is called once a group of cases.
func Run(t *testing.T, tolerance float64, open func(testing.TB) backend.Backend) {
	RunShapes(t, anyShapes, tolerance, open)
}

// RunShapes is Run for a backend that takes some shapes only.
func RunShapes(t *testing.T, shapes Shapes, tolerance float64, open func(testing.TB) backend.Backend) {
	run(t, shapes, tolerance, open, []group{
		{"rows move between host and device", (*suite).memory},
		{"norms", (*suite).norms},
		{"norms of heads", (*suite).headNorms},
		{"linear", (*suite).linear},
		{"activations", (*suite).activations},
		{"checkpoint rows", (*suite).loads},
		{"staged tokens and positions", (*suite).staged},
		{"rotation", (*suite).rotation},
		{"choices", (*suite).choices},
		{"attention among all rows", (*suite).mix},
		{"prompts and decode steps over ragged caches", (*suite).cache},
		{"a compacted cache", (*suite).keep},
		{"a cache that each head compacted for itself", (*suite).keepByHead},
		{"pages that go to the host and come back", (*suite).pagesToHost},
		{"more pages than move at once", (*suite).manyPages},
		{"scores", (*suite).scores},
		{"compression without the host", (*suite).compression},
		{"patches of decoded pictures", (*suite).pictures},
	})
}

// RunCompression holds a Compressor alone against the oracle.
func RunCompression(t *testing.T, tolerance float64, open func(testing.TB) backend.Backend) {
	run(t, anyShapes, tolerance, open, []group{{"compression without the host", (*suite).compression}})
}

type group struct {
	name string
	run  func(*suite)
}

func run(t *testing.T, shapes Shapes, tolerance float64, open func(testing.TB) backend.Backend, groups []group) {
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			b := backend.Check(open(t))
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
			group.run(&suite{T: t, b: b, shapes: shapes, tolerance: tolerance, random: rand.New(rand.NewPCG(1, 2))})
		})
	}
}

// suite is one group's state.
type suite struct {
	*testing.T
	b         *backend.Checked
	shapes    Shapes
	tolerance float64
	random    *rand.Rand
}

// normal draws n values of the given deviation.
func (s *suite) normal(n int, deviation float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(s.random.NormFloat64() * deviation)
	}
	return x
}

// tensor puts values on the device.
func (s *suite) tensor(rows, cols int, x []float32) backend.Tensor {
	s.Helper()
	return s.stored(rows, cols, x, backend.Working)
}

// exact is a float32 tensor on every backend.
func (s *suite) exact(rows, cols int, x []float32) backend.Tensor {
	s.Helper()
	return s.stored(rows, cols, x, backend.Exact)
}

func (s *suite) stored(rows, cols int, x []float32, p backend.Precision) backend.Tensor {
	s.Helper()
	t, err := s.b.Alloc(rows, cols, p)
	if err != nil {
		s.Fatalf("allocating %d x %d: %v", rows, cols, err)
	}
	s.b.Write(t, x)
	s.b.Read(x, t) // the reference works with what the device holds: bfloat16 keeps 8 bits
	return t
}

// filled is a device tensor whose old content must not shine through.
func (s *suite) filled(rows, cols int) backend.Tensor {
	s.Helper()
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = 1e6
	}
	return s.tensor(rows, cols, x)
}

// stage brings a step to the device.
func (s *suite) stage(batch ...backend.Sequence) backend.Batch {
	s.Helper()
	b, err := s.b.Stage(batch)
	if err != nil {
		s.Fatalf("staging %d sequences: %v", len(batch), err)
	}
	return b
}

// still is the angles that turn nothing.
func (s *suite) still(rows int, h backend.Heads) backend.Tensor {
	s.Helper()
	angles := make([]float32, rows*h.Dim)
	for i := range angles {
		if i%h.Dim < h.Dim/2 {
			angles[i] = 1
		}
	}
	return s.exact(rows, h.Dim, angles)
}

// expect reads a tensor and compares it.
func (s *suite) expect(what string, got backend.Tensor, want []float64) {
	s.Helper()
	x := make([]float32, got.Rows*got.Cols)
	s.b.Read(x, got)
	s.compare(what, x, want)
	s.b.Free(got)
}

func (s *suite) compare(what string, got []float32, want []float64) {
	s.Helper()
	if err := s.b.Sync(); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
	if len(got) != len(want) {
		s.Fatalf("%s: %d values, %d wanted", what, len(got), len(want))
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); !(d <= s.tolerance*(1+math.Abs(w))) {
			s.Errorf("%s: value %d is %g, %g wanted (off by %.2g)", what, i, got[i], w, d)
			return
		}
	}
}

func double(x []float32) []float64 {
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = float64(v)
	}
	return d
}

func shape(values ...int) string { return fmt.Sprint(values) }
