package image

import (
	"errors"
	"fmt"
	"math"

	"aircache.dev/aircache/runtime/image/raster"
)

// InternProcessor prepares pictures as InternVL reads them: stretched to the grid of tiles whose shape is nearest, and, where that
// is more than one tile, squeezed into one more: the thumbnail, which comes last.
type InternProcessor struct {
	side   int
	grids  []Size // of tiles, fewer first
	filter Filter
	levels raster.Levels
	rows   int // of a tile
}

// mostTiles bounds max_patches.
const mostTiles = 64

func newIntern(c *processorConfig, t Tower) (Processor, error) {
	size, err := c.size(Size{384, 384}, false)
	if err != nil {
		return nil, err
	}
	if want := (Size{t.Side, t.Side}); size != want {
		return nil, fmt.Errorf("size is %d x %d, config.json's vision_config.image_size is %d", size.Height, size.Width, t.Side)
	}
	if !valueOr(c.DoResize, true) {
		return nil, errors.New("do_resize false is not supported")
	}
	least, most := valueOr(c.MinTiles, 1), valueOr(c.MaxTiles, 12)
	if least < 1 || most < least || most > mostTiles {
		return nil, fmt.Errorf("min_patches %d and max_patches %d are not supported, expected 1..%d, the least first", least, most, mostTiles)
	}
	p := &InternProcessor{side: t.Side, rows: t.Rows, grids: tileGrids(least, most)}
	if p.levels, err = c.levels(clipMean, clipStd); err != nil {
		return nil, err
	}
	p.filter, err = c.filter()
	return p, err
}

// tileGrids are all grids of so many tiles: fewer tiles first, of equally many the narrower ones.
func tileGrids(least, most int) (grids []Size) {
	for tiles := least; tiles <= most; tiles++ {
		for w := 1; w <= tiles; w++ {
			if tiles%w == 0 {
				grids = append(grids, Size{tiles / w, w})
			}
		}
	}
	return grids
}

// grid is the one whose shape is nearest. Of equal shapes the larger one is taken while the picture has more than half its pixels.
func (p *InternProcessor) grid(picture Size) Size {
	shape, area := float64(picture.Width)/float64(picture.Height), float64(picture.Width)*float64(picture.Height)
	best, least := Size{1, 1}, math.Inf(1)
	for _, g := range p.grids {
		off := math.Abs(shape - float64(g.Width)/float64(g.Height))
		if off < least || off == least && area > 0.5*float64(p.side)*float64(p.side)*float64(g.Width)*float64(g.Height) {
			best, least = g, off
		}
	}
	return best
}

// Measure is a tile's rows for each tile and the thumbnail.
func (p *InternProcessor) Measure(picture Size, _ int) (int, error) {
	if picture.Height < 1 || picture.Width < 1 {
		return 0, fmt.Errorf("the picture is %d x %d pixels, expected at least 1 x 1", picture.Width, picture.Height)
	}
	tiles := p.grid(picture).Height * p.grid(picture).Width
	if tiles > 1 {
		tiles++
	}
	return tiles * p.rows, nil
}

// Process gives the grid's tiles from left to right, line by line, then the thumbnail.
func (p *InternProcessor) Process(rgb *RGB, _ int) (Pixels, error) {
	if rgb.W < 1 || rgb.H < 1 {
		return Pixels{}, fmt.Errorf("the picture is %d x %d pixels, expected at least 1 x 1", rgb.W, rgb.H)
	}
	g, tile := p.grid(Size(rgb.Size())), raster.Size{Height: p.side, Width: p.side}
	sizes := []raster.Size{{Height: g.Height * p.side, Width: g.Width * p.side}}
	if g != (Size{1, 1}) {
		sizes = append(sizes, tile)
	}
	picture := &raster.Picture{RGB: rgb, Tile: tile, Levels: &p.levels}
	for _, s := range sizes {
		frame, err := raster.NewFrame(raster.Whole(rgb.Size()), s, p.filter, raster.Whole(s))
		if err != nil {
			return Pixels{}, err
		}
		picture.Frames = append(picture.Frames, frame)
	}
	return pixelsOf(picture, nil), nil
}
