package image

import (
	"errors"
	"fmt"
	"slices"

	"aircache.dev/aircache/runtime/image/raster"
)

// OnevisionProcessor prepares pictures as LLaVA-OneVision reads them. A picture alone in its prompt is shown twice: as a
// whole, squeezed into one tile, and at its own shape in a grid of tiles, with black bars where the grid is wider or
// higher. Pictures among others are shown once each, in one tile, in the middle of a square of the mean colour.
type OnevisionProcessor struct {
	tower  Tower
	side   int // patches along a tile
	filter Filter
	levels raster.Levels
	bars   [3]uint8 // the mean colour
}

// clipMean and clipStd are what the reference takes for a file that says nothing.
var (
	clipMean = []float64{0.48145466, 0.4578275, 0.40821073}
	clipStd  = []float64{0.26862954, 0.26130258, 0.27577711}
)

func newOnevision(c *processorConfig, t Tower) (Processor, error) {
	if err := c.checkOnevision(t); err != nil {
		return nil, err
	}
	p := &OnevisionProcessor{tower: t, side: t.Side / t.Patch}
	if p.side*p.side != t.Rows || t.MaxTiles < 1 {
		return nil, fmt.Errorf("image_processor_type %q does not fit the model: its tower gives %d rows a tile, of at most %d tiles", c.Type, t.Rows, t.MaxTiles)
	}
	var err error
	if p.levels, err = c.levels(clipMean, clipStd); err != nil {
		return nil, err
	}
	mean := c.Mean
	if mean == nil {
		mean = clipMean
	}
	if len(mean) != 3 {
		return nil, fmt.Errorf("image_mean has %d values, expected 3", len(mean))
	}
	for channel, v := range mean {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("image_mean[%d] is %g, expected a colour of 0..1", channel, v)
		}
		p.bars[channel] = uint8(v * 255)
	}
	p.filter, err = c.filter()
	return p, err
}

// checkOnevision compares what config.json says as well: the reference reads each from its own file, and pictures would
// be taken apart in one way and put together in another.
func (c *processorConfig) checkOnevision(t Tower) error {
	if t.Side < 1 || t.Patch < 1 {
		return fmt.Errorf("image_processor_type %q does not fit the model: its tower takes %d pixels in patches of %d", c.Type, t.Side, t.Patch)
	}
	size, err := c.size(Size{384, 384}, true)
	if err != nil {
		return err
	}
	if want := (Size{t.Side, t.Side}); size != want {
		return fmt.Errorf("size is %d x %d, config.json's vision_config.image_size is %d", size.Height, size.Width, t.Side)
	}
	if !valueOr(c.DoResize, true) {
		return errors.New("do_resize false is not supported")
	}
	if len(c.CropSize) > 0 && string(c.CropSize) != "null" {
		return errors.New("crop_size is not supported")
	}
	grids := onevisionGrids()
	if c.Grids != nil {
		if grids, err = ParseGrids(*c.Grids, t.Side); err != nil {
			return fmt.Errorf("image_grid_pinpoints: %w", err)
		}
	}
	if !slices.Equal(grids, t.Grids) {
		return fmt.Errorf("image_grid_pinpoints %v differs from config.json's %v", grids, t.Grids)
	}
	return nil
}

// Measure gives a picture alone the tokens of its grid.
func (p *OnevisionProcessor) Measure(picture Size, pictures int) (int, error) {
	l, err := p.layout(picture, pictures)
	if err != nil {
		return 0, err
	}
	return l.Rows(), nil
}

func (p *OnevisionProcessor) layout(picture Size, pictures int) (*Layout, error) {
	if picture.Height < 1 || picture.Width < 1 {
		return nil, fmt.Errorf("the picture is %d x %d pixels, expected at least 1 x 1", picture.Width, picture.Height)
	}
	if pictures > 1 {
		return barred(picture, p.tower, p.side), nil
	}
	g := bestGrid(picture, p.tower.Grids)
	return newLayout(picture, Size{g.Height / p.tower.Side, g.Width / p.tower.Side}, p.side, p.tower.MaxTiles)
}

// Process gives the base tile first, then those of the grid from left to right, line by line.
func (p *OnevisionProcessor) Process(rgb *RGB, pictures int) (Pixels, error) {
	picture := Size(rgb.Size())
	l, err := p.layout(picture, pictures)
	if err != nil {
		return Pixels{}, err
	}
	tile := raster.Size{Height: p.tower.Side, Width: p.tower.Side}
	under := raster.Whole(rgb.Size())
	if pictures > 1 {
		side := max(rgb.W, rgb.H)
		under = raster.Middle(rgb.Size(), raster.Size{Height: side, Width: side}, p.bars)
	}
	base, err := raster.NewFrame(under, tile, p.filter, raster.Whole(tile))
	if err != nil {
		return Pixels{}, err
	}
	frames := []raster.Frame{base}
	if l.Grid != (Size{}) {
		grid := Size{l.Grid.Height * tile.Height, l.Grid.Width * tile.Width}
		fitted := raster.Size(fit(picture, grid))
		spread, err := raster.NewFrame(raster.Whole(rgb.Size()), fitted, p.filter, raster.Middle(fitted, raster.Size(grid), [3]uint8{}))
		if err != nil {
			return Pixels{}, err
		}
		frames = append(frames, spread)
	}
	return pixelsOf(&raster.Picture{RGB: rgb, Frames: frames, Tile: tile, Levels: &p.levels}, l), nil
}
