package image

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/image/raster"
)

// CLIPProcessor resizes every picture until its shorter side fits, keeping its shape, and shows the square in the middle: what
// lies left and right of it, or above and below, is never seen.
type CLIPProcessor struct {
	side   int // of the square, and of the picture's shorter side
	filter Filter
	levels raster.Levels
	rows   int
}

func newCLIP(c *processorConfig, t Tower) (Processor, error) {
	side, err := c.croppedSide(t)
	if err != nil {
		return nil, err
	}
	p := &CLIPProcessor{side: side, rows: t.Rows}
	if p.levels, err = c.levels(clipMean, clipStd); err != nil {
		return nil, err
	}
	p.filter, err = c.filter()
	return p, err
}

// croppedSide wants a square as large as the tower's, cut from a picture whose shorter side is as long.
func (c *processorConfig) croppedSide(t Tower) (int, error) {
	if !valueOr(c.DoResize, true) || !valueOr(c.CenterCrop, true) {
		return 0, errors.New("do_resize false and do_center_crop false are not supported")
	}
	size, err := c.size(Size{224, 224}, true)
	if err != nil {
		return 0, err
	}
	crop, err := (&processorConfig{Size: c.CropSize}).size(Size{224, 224}, false)
	if err != nil {
		return 0, fmt.Errorf("crop_size: %w", err)
	}
	if want := (Size{t.Side, t.Side}); size != want || crop != want {
		return 0, fmt.Errorf("size is %d x %d and crop_size %d x %d, config.json's vision_config.image_size is %d", size.Height, size.Width, crop.Height, crop.Width, t.Side)
	}
	return t.Side, nil
}

// Measure is the same for every picture.
func (p *CLIPProcessor) Measure(picture Size, _ int) (int, error) {
	_, err := shortestEdge(picture, p.side)
	return p.rows, err
}

// Process shows the middle of the resized picture.
func (p *CLIPProcessor) Process(rgb *RGB, _ int) (Pixels, error) {
	to, err := shortestEdge(Size{rgb.H, rgb.W}, p.side)
	if err != nil {
		return Pixels{}, err
	}
	tile, resized := raster.Size{Height: p.side, Width: p.side}, raster.Size(to)
	middle, err := raster.NewFrame(raster.Whole(rgb.Size()), resized, p.filter, raster.Middle(resized, tile, [3]uint8{}))
	return pixelsOf(&raster.Picture{RGB: rgb, Frames: []raster.Frame{middle}, Tile: tile, Levels: &p.levels}, nil), err
}

// maxStretched bounds what a narrow picture may be resized to: 25 million pixels, as many as one may have by default.
const maxStretched = 25_000_000

// shortestEdge is a picture's size once its shorter side is resized; the longer one is rounded down.
func shortestEdge(picture Size, side int) (Size, error) {
	short := min(picture.Height, picture.Width)
	if short < 1 {
		return Size{}, fmt.Errorf("the picture is %d x %d pixels, expected at least 1 x 1", picture.Width, picture.Height)
	}
	to := Size{side * picture.Height / short, side * picture.Width / short}
	if to.Height*to.Width > maxStretched {
		return Size{}, fmt.Errorf("the picture of %d x %d pixels is too narrow: resized to a shorter side of %d it would have %d pixels, the limit is %d",
			picture.Width, picture.Height, side, to.Height*to.Width, maxStretched)
	}
	return to, nil
}
