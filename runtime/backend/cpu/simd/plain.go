package simd

import "math"

// plainDot has four sums, so that an addition needs not wait for the one before.
func plainDot(x, y []float32) float32 {
	var a, b, c, d float32
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += x[i] * y[i]
		b += x[i+1] * y[i+1]
		c += x[i+2] * y[i+2]
		d += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		a += x[i] * y[i]
	}
	return a + b + c + d
}

// plainExp: v = n ln 2 + r, |r| <= ln(2)/2; e^v = 2^n e^r, with a polynomial for e^r. Softmax is most of what a CPU does beside
// matrix products; a call of math.Exp a value would take several times as long.
func plainExp(x []float32, shift float32) (sum float32) {
	const (
		round     = 3 << 22                     // adding and taking away 1.5 * 2^23 rounds to the nearest integer
		ln2, rest = 0.693359375, -2.12194440e-4 // ln 2 in two parts, so that n * ln2 is exact
	)
	for i, v := range x {
		v -= shift
		if v < -87 {
			v = -87
		}
		n := v*math.Log2E + round
		exponent := math.Float32bits(n)<<23 + 127<<23
		n -= round
		r := v - n*ln2 - n*rest
		p := float32(1.9875691500e-4)
		p = p*r + 1.3981999507e-3
		p = p*r + 8.3334519073e-3
		p = p*r + 4.1665795894e-2
		p = p*r + 1.6666665459e-1
		p = p*r + 5.0000001201e-1
		v = (p*r*r + r + 1) * math.Float32frombits(exponent)
		x[i] = v
		sum += v
	}
	return sum
}
