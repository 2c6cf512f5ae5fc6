package model

import (
	"strconv"
	"strings"

	"aircache.dev/aircache/runtime/image"
)

// anyresSettings say how pictures are laid out in tiles.
type anyresSettings struct {
	grids    []image.Size
	maxTiles int
}

const (
	anyresPrefix = "anyres_max_"
	maxTiles     = 1024
)

// anyres reads the grids, and the 9 of "anyres_max_9".
func (d *document) anyres(f *findings, s *settings) (a anyresSettings) {
	if s.projector.dropCLS {
		f.add("vision_feature_select_strategy: %q is not supported, %q is", *d.SelectStrategy, "full")
	}
	ratio := value(d.AspectRatio, anyresPrefix+"9")
	n, err := strconv.Atoi(strings.TrimPrefix(ratio, anyresPrefix))
	if err != nil || !strings.HasPrefix(ratio, anyresPrefix) {
		f.add("vision_aspect_ratio: %q is not supported, %q and a number are", ratio, anyresPrefix)
	} else {
		f.between("vision_aspect_ratio", n, 1, maxTiles)
	}
	a.maxTiles = n
	if s.vision.image > 0 {
		if a.grids, err = image.ParseGrids(d.Grids, s.vision.image); err != nil {
			f.add("image_grid_pinpoints: %w", err)
		}
	}
	return a
}
