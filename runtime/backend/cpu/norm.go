package cpu

import (
	"math"

	"aircache.dev/aircache/runtime/backend"
)

// normWork is LayerNorm (with a bias) or RMSNorm (without).
type normWork struct {
	dst, x       []float32
	weight, bias []float32
	rows, step   int
	eps          float32
}

// leastRows keeps row-wise ops of a decode step on the caller's thread.
const leastRows = 16

func (b *Backend) LayerNorm(dst, x, weight, bias backend.Tensor, eps float32) {
	b.normalise(dst, x, weight, bias, eps)
}

func (b *Backend) RMSNorm(dst, x, weight backend.Tensor, eps float32) {
	b.normalise(dst, x, weight, backend.Tensor{}, eps)
}

func (b *Backend) normalise(dst, x, weight, bias backend.Tensor, eps float32) {
	n := &b.norm
	*n = normWork{dst: values(dst), x: values(x), weight: values(weight), bias: values(bias), rows: x.Rows, eps: eps}
	n.step = b.pool.rowsPerPart(x.Rows, leastRows)
	b.pool.run(n, parts(x.Rows, n.step))
}

func (n *normWork) part(i, _ int) {
	cols := len(n.weight)
	from, to := cut(i, n.step, n.rows)
	for r := from; r < to; r++ {
		x, dst := n.x[r*cols:(r+1)*cols], n.dst[r*cols:(r+1)*cols]
		if n.bias == nil {
			rmsNormRow(dst, x, n.weight, n.eps)
		} else {
			layerNormRow(dst, x, n.weight, n.bias, n.eps)
		}
	}
}

// headsWork is RMSNorm of parts of rows: queries first, then keys.
type headsWork struct {
	x, query, key     []float32
	rows, step, width int
	queries, keys     int // norms in a row
	eps               float32
}

func (b *Backend) NormHeads(qkv, query, key backend.Tensor, eps float32, h backend.Heads) {
	n := &b.heads
	*n = headsWork{x: values(qkv), query: values(query), key: values(key), rows: qkv.Rows, width: h.Width(), queries: h.Query * h.Dim / query.Cols, keys: h.KV * h.Dim / key.Cols, eps: eps}
	n.step = b.pool.rowsPerPart(n.rows, leastRows)
	b.pool.run(n, parts(n.rows, n.step))
}

func (n *headsWork) part(i, _ int) {
	from, to := cut(i, n.step, n.rows)
	for r := from; r < to; r++ {
		x := n.x[r*n.width:][:n.width]
		for range n.queries {
			rmsNormRow(x[:len(n.query)], x[:len(n.query)], n.query, n.eps)
			x = x[len(n.query):]
		}
		for range n.keys {
			rmsNormRow(x[:len(n.key)], x[:len(n.key)], n.key, n.eps)
			x = x[len(n.key):]
		}
	}
}

func rmsNormRow(dst, x, weight []float32, eps float32) {
	scale := float32(1 / math.Sqrt(float64(dot(x, x))/float64(len(x))+float64(eps)))
	for i, v := range x {
		dst[i] = weight[i] * (v * scale)
	}
}

func layerNormRow(dst, x, weight, bias []float32, eps float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	squares := 0.0
	for _, v := range x {
		d := float64(v) - mean
		squares += d * d
	}
	scale := float32(1 / math.Sqrt(squares/float64(len(x))+float64(eps)))
	centre := float32(mean)
	for i, v := range x {
		dst[i] = (v-centre)*scale*weight[i] + bias[i]
	}
}
