package cpu

import "math"

// expShifted makes e^(x - shift) of every x and returns the sum. It is within 3e-7 relative from shift - 87 to shift + 88, all
// that softmax and sigmoid need: below it stays at e^-87, above it must not be called, NaN stays NaN. Softmax is most of what a
// CPU does beside matrix products; a call of math.Exp a value would take several times as long.
func expShifted(x []float32, shift float32) (sum float32) {
	const (
		round     = 3 << 22                     // adding and taking away 1.5 * 2^23 rounds to the nearest integer
		ln2, rest = 0.693359375, -2.12194440e-4 // ln 2 in two parts, so that n * ln2 is exact
	)
	for i, v := range x {
		v -= shift
		if v < -87 {
			v = -87
		}
		// v = n ln 2 + r, |r| <= ln(2)/2; e^v = 2^n e^r
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
