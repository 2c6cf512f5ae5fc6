package image

import "fmt"

// Processor turns a decoded picture into pixels.
type Processor interface {
	Process(p *RGB) (Pixels, error)
}

// SiglipProcessor resizes every picture to one size, without keeping its shape, and normalises the values.
type SiglipProcessor struct {
	Width, Height int
	Resize        bool
	Filter        Filter
	levels        [3][256]float32 // what each 8 bit value becomes, by channel
}

// setLevels computes (value * rescale_factor - mean) / std once for every value, rounding where the reference does.
func (p *SiglipProcessor) setLevels(c *processorConfig) error {
	scale, mean, std := 1.0, []float64{0, 0, 0}, []float64{1, 1, 1}
	if valueOr(c.DoRescale, true) {
		scale = valueOr(c.Rescale, 1.0/255)
	}
	if valueOr(c.DoNormalize, true) {
		mean, std = []float64{0.5, 0.5, 0.5}, []float64{0.5, 0.5, 0.5}
		if c.Mean != nil {
			mean = c.Mean
		}
		if c.Std != nil {
			std = c.Std
		}
	}
	if len(mean) != 3 || len(std) != 3 {
		return fmt.Errorf("image_mean has %d and image_std %d values, expected 3", len(mean), len(std))
	}
	for channel := range p.levels {
		if std[channel] == 0 {
			return fmt.Errorf("image_std[%d] is 0", channel)
		}
		for v := range p.levels[channel] {
			scaled := float32(float64(v) * scale)
			p.levels[channel][v] = (scaled - float32(mean[channel])) / float32(std[channel])
		}
	}
	return nil
}

// Process resizes and normalises.
func (p *SiglipProcessor) Process(rgb *RGB) (Pixels, error) {
	if rgb.W != p.Width || rgb.H != p.Height {
		if !p.Resize {
			return Pixels{}, fmt.Errorf("the picture is %d x %d pixels, the model takes %d x %d and resizes none", rgb.W, rgb.H, p.Width, p.Height)
		}
		resized, err := Resize(rgb, p.Width, p.Height, p.Filter)
		if err != nil {
			return Pixels{}, err
		}
		rgb = resized
	}
	area := p.Width * p.Height
	out := Pixels{C: 3, H: p.Height, W: p.Width, Data: make([]float32, 3*area)}
	for channel := range p.levels {
		plane, levels := out.Data[channel*area:][:area], &p.levels[channel]
		for i := range plane {
			plane[i] = levels[rgb.Pix[3*i+channel]]
		}
	}
	return out, nil
}
