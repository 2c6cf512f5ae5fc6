package cpu

import "aircache.dev/aircache/runtime/backend/cpu/simd"

func dot(a, b []float32) float32 { return simd.Dot(a, b) }

// axpy: y += alpha * x.
func axpy(alpha float32, x, y []float32) {
	weight := [1]float32{alpha}
	simd.AddRows(y, weight[:], x, len(x))
}

// builtinBLAS builds its products from dots of rows, two rows of a at a time.
type builtinBLAS struct{}

func (builtinBLAS) name() string { return "built-in (" + simd.Name() + ")" }

// cachedRows of b stay in the second-level cache while all rows of a pass over them.
const cachedRows = 64

func (builtinBLAS) productT(_ int, s size, alpha float32, a, b panel, beta float32, c panel) {
	var results [2][cachedRows]float32
	for first := 0; first < s.n; first += cachedRows {
		n := min(cachedRows, s.n-first)
		rows := b.data[first*b.stride:]
		for i := 0; i < s.m; i += 2 {
			pair := min(2, s.m-i)
			x := a.data[i*a.stride:]
			if pair == 2 {
				simd.DotsPair(results[0][:n], results[1][:n], x[:s.k], x[a.stride:][:s.k], rows, b.stride)
			} else {
				simd.Dots(results[0][:n], x[:s.k], rows, b.stride)
			}
			for r := range pair {
				blend(c.data[(i+r)*c.stride+first:][:n], results[r][:n], alpha, beta)
			}
		}
	}
}

// blend: out = alpha * x + beta * out.
func blend(out, x []float32, alpha, beta float32) {
	switch {
	case beta != 0:
		for j, v := range x {
			out[j] = alpha*v + beta*out[j]
		}
	case alpha != 1:
		for j, v := range x {
			out[j] = alpha * v
		}
	default:
		copy(out, x)
	}
}

func (builtinBLAS) product(_ int, s size, a, b, c panel) {
	for first := 0; first < s.k; first += cachedRows {
		k := min(cachedRows, s.k-first)
		rows := b.data[first*b.stride:]
		for i := range s.m {
			out := c.data[i*c.stride:][:s.n]
			if first == 0 {
				clear(out)
			}
			weights := a.data[i*a.stride+first:][:k]
			for len(weights) > 0 && weights[len(weights)-1] == 0 { // a causal row ends in zeros
				weights = weights[:len(weights)-1]
			}
			simd.AddRows(out, weights, rows, b.stride)
		}
	}
}
