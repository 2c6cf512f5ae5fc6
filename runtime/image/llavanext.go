package image

import (
	"fmt"
	"slices"
)

// LlavaNextProcessor prepares pictures as LLaVA-NeXT reads them: each as a whole, squeezed into one tile, and at its own shape in
// a grid of tiles, however many are in the prompt. Nothing is scaled down: the largest grid has few tiles.
type LlavaNextProcessor struct{ each OnevisionProcessor }

func newLlavaNext(c *processorConfig, t Tower) (Processor, error) {
	if _, err := c.croppedSide(t); err != nil {
		return nil, err
	}
	grids, err := c.nextGrids(t.Side)
	if err != nil {
		return nil, fmt.Errorf("image_grid_pinpoints: %w", err)
	}
	if !slices.Equal(grids, t.Grids) {
		return nil, fmt.Errorf("image_grid_pinpoints %v differs from config.json's %v", grids, t.Grids)
	}
	p := &LlavaNextProcessor{OnevisionProcessor{tower: t, side: t.Side / t.Patch}}
	if p.each.side*p.each.side != t.Rows {
		return nil, fmt.Errorf("image_processor_type %q does not fit the model: its tower gives %d rows a tile", c.Type, t.Rows)
	}
	if p.each.levels, err = c.levels(clipMean, clipStd); err != nil {
		return nil, err
	}
	p.each.filter, err = c.filter()
	return p, err
}

// NextGrids are what LLaVA-NeXT's reference takes where a file lists none, as pairs of height and width.
var NextGrids = [][]int{{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}}

func (c *processorConfig) nextGrids(side int) ([]Size, error) {
	if c.Grids == nil {
		return ParseGrids(NextGrids, side)
	}
	return ParseGrids(*c.Grids, side)
}

// Measure gives each picture the tokens of its grid.
func (p *LlavaNextProcessor) Measure(picture Size, _ int) (int, error) {
	return p.each.Measure(picture, 1)
}

// Process gives the base tile first, then those of the grid.
func (p *LlavaNextProcessor) Process(rgb *RGB, _ int) (Pixels, error) { return p.each.Process(rgb, 1) }
