package raster

import "math"

// Filter is a way of resizing, numbered as Pillow numbers them (preprocessor_config.json's "resample").
type Filter int

// The filters of Pillow's resize.
const (
	Nearest  Filter = 0
	Lanczos  Filter = 1
	Bilinear Filter = 2
	Bicubic  Filter = 3
	Box      Filter = 4
	Hamming  Filter = 5
)

// kernel is a filter's curve; it is 0 outside of -support..support, measured in pixels of the smaller picture.
type kernel struct {
	support float64
	weight  func(x float64) float64
}

var kernels = map[Filter]kernel{
	Lanczos:  {3, lanczos},
	Bilinear: {1, func(x float64) float64 { return max(0, 1-math.Abs(x)) }},
	Bicubic:  {2, bicubic},
	Box:      {0.5, box},
	Hamming:  {1, hamming},
}

// Known reports whether there is such a filter.
func (f Filter) Known() bool {
	_, ok := kernels[f]
	return ok || f == Nearest
}

func box(x float64) float64 {
	if x > -0.5 && x <= 0.5 {
		return 1
	}
	return 0
}

// bicubic is Keys' cubic with a = -0.5. The products are rounded one by one, as on the machines that the reference
// ran on: float64() keeps the compiler from fusing them.
func bicubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64((float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

func lanczos(x float64) float64 {
	if x < -3 || x >= 3 {
		return 0
	}
	return sinc(x) * sinc(x/3)
}

func hamming(x float64) float64 {
	x = math.Abs(x)
	if x == 0 {
		return 1
	}
	if x >= 1 {
		return 0
	}
	x *= math.Pi
	return math.Sin(x) / x * (0.54 + float64(0.46*math.Cos(x)))
}
