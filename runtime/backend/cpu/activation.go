package cpu

import (
	"math"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu/simd"
)

// activateWork applies a function to every value.
type activateWork struct {
	x    []float32
	f    backend.Activation
	step int
}

// leastValues is the share of one worker below which it is not woken.
const leastValues = 4096

func (b *Backend) Activate(x backend.Tensor, f backend.Activation) {
	a := &b.act
	*a = activateWork{x: values(x), f: f}
	a.step = b.pool.rowsPerPart(len(a.x), leastValues)
	b.pool.run(a, parts(len(a.x), a.step))
}

func (a *activateWork) part(i, _ int) {
	from, to := cut(i, a.step, len(a.x))
	x := a.x[from:to]
	if a.f == backend.GELU {
		for i, v := range x {
			x[i] = gelu(v)
		}
		return
	}
	for len(x) > 0 {
		n := min(len(x), sigmoidBlock)
		if a.f == backend.QuickGELU {
			quickGELU(x[:n])
		} else {
			geluTanh(x[:n])
		}
		x = x[n:]
	}
}

func gelu(x float32) float32 {
	return float32(0.5 * float64(x) * (1 + math.Erf(float64(x)/math.Sqrt2)))
}

// sigmoidBlock values have their exponentials on the stack.
const sigmoidBlock = 256

// geluTanh: 0.5 x (1 + tanh(u)) = x / (1 + exp(-2u)), with u = sqrt(2/pi) (x + 0.044715 x^3).
func geluTanh(x []float32) {
	const c = -2 * 0.7978845608028654
	var minus [sigmoidBlock]float32
	for i, v := range x {
		minus[i] = c * (v + 0.044715*v*v*v)
	}
	timesSigmoid(x, minus[:len(x)])
}

func quickGELU(x []float32) {
	var minus [sigmoidBlock]float32
	for i, v := range x {
		minus[i] = -1.702 * v
	}
	timesSigmoid(x, minus[:len(x)])
}

// timesSigmoid: x = x / (1 + exp(minus)). From 88 on the quotient is 0 to every digit.
func timesSigmoid(x, minus []float32) {
	for i, v := range minus {
		if v > 88 {
			minus[i] = 88
		}
	}
	simd.ExpShifted(minus, 0)
	for i, e := range minus {
		x[i] /= 1 + e
	}
}

// gateWork is dst = silu(left half of x) * right half.
type gateWork struct {
	dst, x           []float32
	rows, cols, step int
}

func (b *Backend) GatedSiLU(dst, x backend.Tensor) {
	g := &b.gate
	*g = gateWork{dst: values(dst), x: values(x), rows: dst.Rows, cols: dst.Cols}
	g.step = b.pool.rowsPerPart(g.rows, max(1, leastValues/g.cols))
	b.pool.run(g, parts(g.rows, g.step))
}

func (g *gateWork) part(i, _ int) {
	from, to := cut(i, g.step, g.rows)
	for r := from; r < to; r++ {
		dst := g.dst[r*g.cols : (r+1)*g.cols]
		gate, up := g.x[2*r*g.cols:][:g.cols], g.x[(2*r+1)*g.cols:][:g.cols]
		for first := 0; first < g.cols; first += sigmoidBlock {
			last := min(first+sigmoidBlock, g.cols)
			gatedSiLU(dst[first:last], gate[first:last], up[first:last])
		}
	}
}

// gatedSiLU: dst = gate * sigmoid(gate) * up.
func gatedSiLU(dst, gate, up []float32) {
	var minus [sigmoidBlock]float32
	for i, v := range gate {
		minus[i] = -v
	}
	copy(dst, gate)
	timesSigmoid(dst, minus[:len(gate)])
	for i, v := range up {
		dst[i] *= v
	}
}
