package simd

// Dots is out[i] = x . row i, for each of out; rows begin stride values apart and are as long as x.
func Dots(out, x, rows []float32, stride int) {
	n, k := len(out), len(x)
	if n == 0 {
		return
	}
	_ = rows[(n-1)*stride+k-1 : (n-1)*stride+k] // what the kernel reads is there
	whole := 0
	if accelerated && k >= lanes {
		whole = k &^ (lanes - 1)
		dotRows(&out[0], &x[0], &rows[0], n, whole, stride)
	} else {
		clear(out)
	}
	if whole < k {
		for i := range out {
			out[i] += plainDot(x[whole:], rows[i*stride+whole:][:k-whole])
		}
	}
}

// DotsPair is Dots for two rows of x at once, which reads the rows once for both.
func DotsPair(out0, out1, x0, x1, rows []float32, stride int) {
	n, k := len(out0), len(x0)
	whole, fours := k&^(lanes-1), n&^3
	if !accelerated || whole != k || fours == 0 {
		Dots(out0, x0, rows, stride)
		Dots(out1[:n], x1[:k], rows, stride)
		return
	}
	_ = rows[(n-1)*stride+k-1 : (n-1)*stride+k]
	_, _ = out1[:n], x1[:k]
	dotRowsPair(&out0[0], &out1[0], &x0[0], &x1[0], &rows[0], fours, k, stride)
	if fours < n {
		rest := rows[fours*stride:]
		Dots(out0[fours:], x0, rest, stride)
		Dots(out1[fours:n], x1[:k], rest, stride)
	}
}

// Dot is x . y.
func Dot(x, y []float32) float32 {
	var out [1]float32
	Dots(out[:], x, y, len(x))
	return out[0]
}

// AddRows is out += the sum of weights[i] times row i; rows begin stride values apart and are as long as out.
func AddRows(out, weights, rows []float32, stride int) {
	n, k := len(weights), len(out)
	if n == 0 || k == 0 {
		return
	}
	_ = rows[(n-1)*stride+k-1 : (n-1)*stride+k]
	whole := 0
	if accelerated && k >= lanes {
		whole = k &^ (lanes - 1)
		addRows(&out[0], &weights[0], &rows[0], n, whole, stride)
	}
	if whole < k {
		for i, w := range weights {
			for j, v := range rows[i*stride+whole:][:k-whole] {
				out[whole+j] += w * v
			}
		}
	}
}

// ExpShifted makes e^(x - shift) of every x and returns the sum. It is within 3e-7 relative from shift - 87 to shift + 88, all
// that softmax and sigmoid need: below it stays at e^-87, above it must not be called, NaN stays NaN.
func ExpShifted(x []float32, shift float32) (sum float32) {
	if whole := len(x) &^ (lanes - 1); accelerated && whole > 0 {
		sum = expRow(&x[0], whole, shift)
		x = x[whole:]
	}
	return sum + plainExp(x, shift)
}

// lanes is how many values a register holds.
const lanes = 8
