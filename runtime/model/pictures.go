package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/image"
)

// ReadTower says what a model folder's config.json says about pictures, for the image processor.
func ReadTower(dir string) (image.Tower, error) {
	s, err := readSettings(dir)
	if err != nil {
		return image.Tower{}, fmt.Errorf("reading model: %w", err)
	}
	return s.tower(), nil
}

func (s *settings) tower() image.Tower {
	if s.sight != nil {
		return s.sight.tower()
	}
	rows := s.vision.rows()
	if s.projector.dropCLS {
		rows--
	}
	return image.Tower{Side: s.vision.image, Patch: s.vision.patch, Rows: rows, Grids: s.anyres.grids, MaxTiles: s.anyres.maxTiles}
}

// Rows is the number of visual tokens that the model makes of a picture.
func (c Config) Rows(px image.Pixels) int {
	if c.MRoPE {
		g := c.grid(px)
		return g.Height * g.Width
	}
	if px.Layout == nil {
		return c.VisualTokens * max(1, px.Tiles())
	}
	return px.Layout.Rows()
}

// Prepares reports whether the device does what is to be done to a picture, so that it may wait as it was decoded. Any goroutine
// may ask.
func (m *LLaVA) Prepares(px image.Pixels) bool { return m.cutter.prepares(px) }

// largestPicture is the number of tiles of the largest grid and of the picture as a whole.
func (t *tower) largestPicture(grids []image.Size) int {
	most := 0
	for _, g := range grids {
		most = max(most, g.Height/t.image*(g.Width/t.image))
	}
	return 1 + most
}
