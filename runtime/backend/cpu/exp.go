package cpu

import "math"

// exp is e^x in float32, within 3e-7 relative: about a quarter of the time of math.Exp, and softmax is most of what a CPU
// does beside matrix products. Below -87 it is 0, above 88 it is +Inf; NaN stays NaN.
func exp(x float32) float32 {
	switch {
	case x < -87:
		return 0
	case x > 88:
		return float32(math.Inf(1))
	case x != x:
		return x
	}
	// x = n ln2 + r, |r| <= ln2/2. Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
	const shift = 3 << 22
	n := x*math.Log2E + shift
	bits := math.Float32bits(n)
	n -= shift
	// ln2 in two parts, so that n*high is exact.
	r := x - n*0.693359375
	r -= n * -2.12194440e-4
	p := float32(1.9875691500e-4)
	p = p*r + 1.3981999507e-3
	p = p*r + 8.3334519073e-3
	p = p*r + 4.1665795894e-2
	p = p*r + 1.6666665459e-1
	p = p*r + 5.0000001201e-1
	p = p*r*r + r + 1
	return p * math.Float32frombits((bits<<23)+(127<<23))
}
