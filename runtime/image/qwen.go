package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"aircache.dev/aircache/runtime/image/raster"
)

// QwenProcessor prepares pictures as Qwen2-VL and Qwen2.5-VL read them: at about their own size and shape, in multiples of a visual
// token's side (28 pixels), between a least and a most number of pixels.
type QwenProcessor struct {
	unit        int // pixels along a visual token's side
	least, most int // pixels of a resized picture
	resize      bool
	filter      Filter
	levels      raster.Levels
}

// qwenFields are what only Qwen's processors read.
var qwenFields = []string{"min_pixels", "max_pixels", "patch_size", "temporal_patch_size", "merge_size"}

func newQwen(c *processorConfig, t Tower) (Processor, error) {
	if t.Merge < 1 || t.Patch < 1 {
		return nil, fmt.Errorf("image_processor_type %q does not fit the model: its tower merges no patches", c.Type)
	}
	for _, f := range []struct {
		field   string
		written *int
		model   int
	}{{"patch_size", c.PatchSize, t.Patch}, {"merge_size", c.MergeSize, t.Merge}, {"temporal_patch_size", c.FrameCount, t.Frames}} {
		if f.written != nil && *f.written != f.model {
			return nil, fmt.Errorf("%s is %d, config.json's vision_config says %d", f.field, *f.written, f.model)
		}
	}
	p := &QwenProcessor{unit: t.Patch * t.Merge, resize: valueOr(c.DoResize, true)}
	var err error
	if p.least, p.most, err = c.pixelBounds(); err != nil {
		return nil, err
	}
	if p.levels, err = c.levels(clipMean, clipStd); err != nil {
		return nil, err
	}
	p.filter, err = c.filter()
	return p, err
}

// maxPixels bounds what a picture may be resized to, in pixels.
const maxPixels = 1 << 26

// pixelBounds reads min_pixels and max_pixels, or the same under size, by either name.
func (c *processorConfig) pixelBounds() (least, most int, err error) {
	least, most = 56*56, 28*28*1280
	if len(c.Size) > 0 && string(c.Size) != "null" {
		var size map[string]*int
		if err := json.Unmarshal(c.Size, &size); err != nil {
			return 0, 0, fmt.Errorf("size: %w", err)
		}
		least = valueOr(size["shortest_edge"], valueOr(size["min_pixels"], least))
		most = valueOr(size["longest_edge"], valueOr(size["max_pixels"], most))
	}
	least, most = valueOr(c.MinPixels, least), valueOr(c.MaxPixels, most)
	if least < 1 || most < least || most > maxPixels {
		return 0, 0, fmt.Errorf("min_pixels %d and max_pixels %d are not supported, expected 1..%d, the least first", least, most, maxPixels)
	}
	return least, most, nil
}

// Measure is the number of visual tokens of the resized picture.
func (p *QwenProcessor) Measure(picture Size, _ int) (int, error) {
	to, err := p.size(picture)
	return to.Height / p.unit * (to.Width / p.unit), err
}

// maxAspect is the narrowest picture that the reference takes.
const maxAspect = 200

// size is the reference's smart_resize: both sides to the nearest multiple, or, where that has too many or too few pixels, both
// scaled by one number and rounded down or up. 1920 x 1080 pixels and units of 28 become 1932 x 1092: 69 x 39 = 2,691 visual tokens.
func (p *QwenProcessor) size(picture Size) (Size, error) {
	short, long := min(picture.Height, picture.Width), max(picture.Height, picture.Width)
	if short < 1 {
		return Size{}, fmt.Errorf("the picture is %d x %d pixels, expected at least 1 x 1", picture.Width, picture.Height)
	}
	if float64(long)/float64(short) > maxAspect {
		return Size{}, fmt.Errorf("the picture of %d x %d pixels is too narrow: one side is %.0f times the other, the limit is %d", picture.Width, picture.Height, float64(long)/float64(short), maxAspect)
	}
	if !p.resize {
		if picture.Height%p.unit != 0 || picture.Width%p.unit != 0 {
			return Size{}, fmt.Errorf("the picture is %d x %d pixels, the model takes multiples of %d and resizes none", picture.Width, picture.Height, p.unit)
		}
		return picture, nil
	}
	h, w, unit := float64(picture.Height), float64(picture.Width), float64(p.unit)
	to := Size{int(math.RoundToEven(h/unit)) * p.unit, int(math.RoundToEven(w/unit)) * p.unit}
	switch n := to.Height * to.Width; {
	case n > p.most:
		shrink := math.Sqrt(h * w / float64(p.most))
		to = Size{max(p.unit, int(math.Floor(h/shrink/unit))*p.unit), max(p.unit, int(math.Floor(w/shrink/unit))*p.unit)}
	case n < p.least:
		grow := math.Sqrt(float64(p.least) / (h * w))
		to = Size{int(math.Ceil(h*grow/unit)) * p.unit, int(math.Ceil(w*grow/unit)) * p.unit}
	}
	if to.Height < 1 || to.Width < 1 {
		return Size{}, errors.New("the picture is resized to nothing")
	}
	return to, nil
}

// Process shows the whole picture in one tile of its own size.
func (p *QwenProcessor) Process(rgb *RGB, _ int) (Pixels, error) {
	to, err := p.size(Size(rgb.Size()))
	if err != nil {
		return Pixels{}, err
	}
	tile := raster.Size(to)
	whole, err := raster.NewFrame(raster.Whole(rgb.Size()), tile, p.filter, raster.Whole(tile))
	return pixelsOf(&raster.Picture{RGB: rgb, Frames: []raster.Frame{whole}, Tile: tile, Levels: &p.levels}, nil), err
}
