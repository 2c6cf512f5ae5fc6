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
	rows := s.vision.patches()
	if s.projector.dropCLS {
		rows--
	}
	return image.Tower{Side: s.vision.image, Patch: s.vision.patch, Rows: rows, Grids: s.anyres.grids, MaxTiles: s.anyres.maxTiles}
}

// Rows is the number of visual tokens that the model makes of a picture.
func (c Config) Rows(px image.Pixels) int {
	if px.Layout == nil {
		return c.VisualTokens
	}
	return px.Layout.Rows()
}
