package raster

import (
	"fmt"
	"math"
)

// Taps are, for each pixel along one direction, the source pixels that it is made of and their shares. None: the size stays.
type Taps struct {
	First  []int32 // source pixel that a pixel's first share is of
	Start  []int32 // where its shares begin in Shares; one more than First
	Shares []int32 // fixed point, ShareBits behind the point
}

// ShareBits leaves 8 bits for the value, one for the sign and one for the overshoot of a filter. A sum of shares starts at half a
// unit, to be rounded; it is clamped to 0..255 after the bits behind the point are gone.
const ShareBits = 32 - 8 - 2

const halfShare = 1 << (ShareBits - 1)

// Len is the number of pixels, 0 where the size stays.
func (t *Taps) Len() int { return len(t.First) }

func (t *Taps) of(i int) (first int, shares []int32) {
	return int(t.First[i]), t.Shares[t.Start[i]:t.Start[i+1]]
}

func newTaps(f Filter, from, to int) Taps {
	switch {
	case from == to:
		return Taps{}
	case f == Nearest:
		return nearest(from, to)
	}
	return resampled(kernels[f], from, to)
}

func resampled(k kernel, from, to int) Taps {
	scale := float64(from) / float64(to)
	widen := max(scale, 1) // making smaller, the filter covers more source pixels
	support := k.support * widen
	t := Taps{First: make([]int32, to), Start: make([]int32, 1, to+1)}
	var weights []float64
	for i := range to {
		center := (float64(i) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		last := min(int(center+support+0.5), from)
		sum := 0.0
		weights = weights[:0]
		for j := range last - first {
			weights = append(weights, k.weight((float64(j+first)-center+0.5)*(1/widen)))
			sum += weights[j]
		}
		t.First[i] = int32(first)
		t.Shares = appendFixed(t.Shares, weights, sum)
		t.Start = append(t.Start, int32(len(t.Shares)))
	}
	return t
}

func appendFixed(shares []int32, weights []float64, sum float64) []int32 {
	for _, w := range weights {
		if sum != 0 {
			w /= sum
		}
		shares = append(shares, int32(math.Trunc(float64(w*(1<<ShareBits))+math.Copysign(0.5, w))))
	}
	return shares
}

// nearest steps through the source by adding the scale, as Pillow does: multiplying would round differently.
func nearest(from, to int) Taps {
	t := Taps{First: make([]int32, to), Start: make([]int32, to+1), Shares: make([]int32, to)}
	scale := float64(from) / float64(to)
	at := scale * 0.5
	for i := range t.First {
		t.First[i], t.Start[i+1], t.Shares[i] = int32(min(int(at), from-1)), int32(i+1), 1<<ShareBits
		at += scale
	}
	return t
}

// check wants taps into so many source pixels.
func (t *Taps) check(from int) error {
	if t.Len() == 0 && len(t.Start) == 0 && len(t.Shares) == 0 {
		return nil
	}
	if len(t.Start) != t.Len()+1 || t.Start[0] != 0 || int(t.Start[t.Len()]) != len(t.Shares) {
		return fmt.Errorf("%d pixels with %d starts and %d shares are no taps", t.Len(), len(t.Start), len(t.Shares))
	}
	for i, first := range t.First {
		n := t.Start[i+1] - t.Start[i]
		if first < 0 || n < 0 || int(first)+int(n) > from {
			return fmt.Errorf("pixel %d is made of source pixels %d..%d, there are %d", i, first, int(first+n)-1, from)
		}
	}
	return nil
}
