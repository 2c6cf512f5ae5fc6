package model

import (
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// sight is how a family whose tower is not LLaVA's turns pictures into rows of the decoder's width.
type sight interface {
	// accepts says why a picture does not fit.
	accepts(px image.Pixels) error
	// encode writes the rows of pictures, one after the other; below them, as many times as the settings' depth says, rows that are
	// added behind the decoder's first layers.
	encode(dst backend.Tensor, px []image.Pixels) error
	// reserve makes room for the pictures of a usual prompt, on a device where nothing should be allocated later.
	reserve() error
}

// sightSettings are its part of config.json, checked.
type sightSettings interface {
	tower() image.Tower
	sizes() VisionSizes
	shape() backend.Heads
	// depth is the number of the decoder's layers behind which rows of pictures are added.
	depth() int
	// patch is how pictures are cut: pixels along a patch's side, of so many channels.
	patch() (side, channels int)
	// load makes it; hidden is the decoder's width.
	load(l *loader, c *cutter, hidden int) sight
}
