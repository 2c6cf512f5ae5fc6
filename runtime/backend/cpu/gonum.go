package cpu

import "gonum.org/v1/gonum/blas/gonum"

// vectors are gonum's SSE kernels for dot and axpy: 15 and 9 GFLOP/s a core for rows of 256 and 64 values, where a plain Go
// loop reaches 8 at best.
var vectors gonum.Implementation

func dot(a, b []float32) float32 { return vectors.Sdot(len(a), a, 1, b, 1) }

// axpy: y += alpha * x.
func axpy(alpha float32, x, y []float32) { vectors.Saxpy(len(x), alpha, x, 1, y, 1) }

// gonumBLAS builds its products from whole-row dots. gonum's own Sgemm cuts rows into pieces of 64, starts goroutines and
// reaches half of the speed (7 against 15 GFLOP/s and more a core).
type gonumBLAS struct{}

func (gonumBLAS) name() string { return "gonum" }

// cachedRows of b stay in the second-level cache while all rows of a pass over them.
const cachedRows = 64

func (gonumBLAS) productT(_ int, s size, alpha float32, a, b panel, beta float32, c panel) {
	for first := 0; first < s.n; first += cachedRows {
		last := min(first+cachedRows, s.n)
		for i := range s.m {
			row, out := a.data[i*a.stride:][:s.k], c.data[i*c.stride:][:s.n]
			for j := first; j < last; j++ {
				v := alpha * dot(row, b.data[j*b.stride:][:s.k])
				if beta != 0 {
					v += beta * out[j]
				}
				out[j] = v
			}
		}
	}
}

func (gonumBLAS) product(_ int, s size, a, b, c panel) {
	for i := range s.m {
		out := c.data[i*c.stride:][:s.n]
		clear(out)
		for j, v := range a.data[i*a.stride:][:s.k] {
			if v != 0 { // a causal row ends in zeros
				axpy(v, b.data[j*b.stride:][:s.n], out)
			}
		}
	}
}
