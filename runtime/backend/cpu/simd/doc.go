// Package simd has the inner loops of the CPU backend that a compiler does not vectorise: products of rows, weighted sums of rows,
// exponentials. On amd64 with AVX2 and FMA they are assembly (hack/simd writes kernels_amd64.s), elsewhere plain Go; Name tells which.
// Lengths are any: what is no multiple of 8 values is finished in Go. The two differ by rounding alone, and a machine always takes
// the same one, so that equal inputs give equal outputs on it.
package simd
