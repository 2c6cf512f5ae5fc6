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

// anyres reads how many tiles' rows are kept; 0: all.
type anyres func(d *document, f *findings) (maxTiles int)

// onevisionGrids reads the 9 of "anyres_max_9".
func onevisionGrids(d *document, f *findings) int {
	ratio := value(d.AspectRatio, anyresPrefix+"9")
	n, err := strconv.Atoi(strings.TrimPrefix(ratio, anyresPrefix))
	if err != nil || !strings.HasPrefix(ratio, anyresPrefix) {
		f.add("vision_aspect_ratio: %q is not supported, %q and a number are", ratio, anyresPrefix)
	} else {
		f.between("vision_aspect_ratio", n, 1, maxTiles)
	}
	return n
}

// nextGrids never scales rows down.
func nextGrids(*document, *findings) int { return 0 }

// anyres reads the grids, and wants a row for each patch of a tile.
func (d *document) anyres(f *findings, s *settings) (a anyresSettings) {
	if s.tower().Rows != s.vision.patches() {
		strategies := map[bool]string{true: "default", false: "full"}
		f.add("vision_feature_select_strategy: %q is not supported, %q is with this vision tower", strategies[s.projector.dropCLS], strategies[!s.projector.dropCLS])
	}
	a.maxTiles = s.family.anyres(d, f)
	if s.vision.image > 0 {
		var err error
		if a.grids, err = image.ParseGrids(d.Grids, s.vision.image); err != nil {
			f.add("image_grid_pinpoints: %w", err)
		}
	}
	return a
}
