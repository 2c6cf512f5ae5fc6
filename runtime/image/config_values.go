package image

import (
	"encoding/json"
	"fmt"

	"aircache.dev/aircache/runtime/image/raster"
)

// maxSide bounds what a processor may resize to.
const maxSide = 4096

// size reads {"height": h, "width": w}, one number for both or, where shortest is set, {"shortest_edge": n}, which is
// both for squares.
func (c *processorConfig) size(s Size, shortest bool) (Size, error) {
	if len(c.Size) == 0 || string(c.Size) == "null" {
		return s, nil
	}
	var side int
	if err := json.Unmarshal(c.Size, &side); err == nil {
		s = Size{side, side}
	} else {
		var size map[string]int
		if err := json.Unmarshal(c.Size, &size); err != nil {
			return s, fmt.Errorf("size: %w", err)
		}
		edge, ok := size["shortest_edge"]
		s = Size{size["height"], size["width"]}
		switch {
		case ok && shortest && len(size) == 1:
			s = Size{edge, edge}
		case len(size) != 2:
			return s, fmt.Errorf("size %s is not supported, expected height and width", c.Size)
		}
	}
	if s.Width < 1 || s.Height < 1 || s.Width > maxSide || s.Height > maxSide {
		return s, fmt.Errorf("size %s is not supported, expected height and width of 1..%d", c.Size, maxSide)
	}
	return s, nil
}

func (c *processorConfig) filter() (Filter, error) {
	f := valueOr(c.Resample, Bicubic)
	if !f.Known() {
		return f, fmt.Errorf("resample %d is not supported, expected 0..5", f)
	}
	return f, nil
}

// levels computes (value * rescale_factor - mean) / std once for every value, rounding where the reference does.
func (c *processorConfig) levels(mean, std []float64) (l raster.Levels, err error) {
	scale := 1.0
	if valueOr(c.DoRescale, true) {
		scale = valueOr(c.Rescale, 1.0/255)
	}
	if c.Mean != nil {
		mean = c.Mean
	}
	if c.Std != nil {
		std = c.Std
	}
	if !valueOr(c.DoNormalize, true) {
		mean, std = []float64{0, 0, 0}, []float64{1, 1, 1}
	}
	if len(mean) != 3 || len(std) != 3 {
		return l, fmt.Errorf("image_mean has %d and image_std %d values, expected 3", len(mean), len(std))
	}
	for channel := range l {
		if std[channel] == 0 {
			return l, fmt.Errorf("image_std[%d] is 0", channel)
		}
		for v := range l[channel] {
			scaled := float32(float64(v) * scale)
			l[channel][v] = (scaled - float32(mean[channel])) / float32(std[channel])
		}
	}
	return l, nil
}
