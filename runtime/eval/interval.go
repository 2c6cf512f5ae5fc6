package eval

import "math"

// Mean is a share of n samples with its 95 % interval, all from 0 to 1.
type Mean struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Wilson is the score interval of a share:
//
//	(p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n),  z = 1.96, z2 = z*z
//
//	8 of 10  ->  .8, from .490 to .943;    0 of 10  ->  0, from 0 to .278
//
// For scores between 0 and 1 that are no yes or no (a share of right tokens, ANLS) it is too wide rather than too narrow: their
// variance is at most p(1-p).
func Wilson(sum float64, n int) Mean {
	if n == 0 {
		return Mean{Low: 0, High: 1}
	}
	const z = 1.959964
	count, p := float64(n), sum/float64(n)
	scale := 1 + z*z/count
	middle := (p + z*z/(2*count)) / scale
	half := z * math.Sqrt(p*(1-p)/count+z*z/(4*count*count)) / scale
	return Mean{Value: p, Low: min(p, max(0, middle-half)), High: max(p, min(1, middle+half))}
}
