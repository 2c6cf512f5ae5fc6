package image

import (
	"fmt"

	"aircache.dev/aircache/runtime/image/raster"
)

// SiglipProcessor resizes every picture to one size, without keeping its shape, and normalises the values.
type SiglipProcessor struct {
	Width, Height int
	Resize        bool
	Filter        Filter
	levels        raster.Levels
	rows          int
}

func newSiglip(c *processorConfig, t Tower) (Processor, error) {
	if valueOr(c.Pad, false) {
		return nil, fmt.Errorf("do_pad true is not supported")
	}
	size, err := c.size(Size{224, 224}, false)
	if err != nil {
		return nil, err
	}
	half := []float64{0.5, 0.5, 0.5}
	levels, err := c.levels(half, half)
	if err != nil {
		return nil, err
	}
	filter, err := c.filter()
	return &SiglipProcessor{Width: size.Width, Height: size.Height, Resize: valueOr(c.DoResize, true), Filter: filter, levels: levels, rows: t.Rows}, err
}

// Measure is the same for every picture.
func (p *SiglipProcessor) Measure(Size, int) (int, error) { return p.rows, nil }

// Process shows the whole picture in one tile.
func (p *SiglipProcessor) Process(rgb *RGB, _ int) (Pixels, error) {
	size := raster.Size{Height: p.Height, Width: p.Width}
	if rgb.Size() != size && !p.Resize {
		return Pixels{}, fmt.Errorf("the picture is %d x %d pixels, the model takes %d x %d and resizes none", rgb.W, rgb.H, p.Width, p.Height)
	}
	whole, err := raster.NewFrame(raster.Whole(rgb.Size()), size, p.Filter, raster.Whole(size))
	return pixelsOf(&raster.Picture{RGB: rgb, Frames: []raster.Frame{whole}, Tile: size, Levels: &p.levels}, nil), err
}
