package backend

import (
	"fmt"

	"aircache.dev/aircache/runtime/image/raster"
)

// Pictures is a Backend that resizes, places, normalises and cuts decoded pictures by itself (package raster is the oracle: the
// same bits before they are rounded to the tensor's precision). Where a backend is none, or does not take a picture, raster
// does the work on the host.
type Pictures interface {
	// Prepares reports whether the device takes a picture of this kind and size. Any goroutine may ask.
	Prepares(p *raster.Picture, patch int) bool
	// Patches: dst has a row for each square patch of the picture's tiles, as raster.WritePatches lays them out. The picture is
	// read before it returns.
	Patches(dst Tensor, p *raster.Picture, patch int)
}

// Prepares reports whether there is a device that does.
func (c *Checked) Prepares(p *raster.Picture, patch int) bool {
	to, ok := c.to.(Pictures)
	return ok && to.Prepares(p, patch)
}

// Patches is for pictures that the device Prepares.
func (c *Checked) Patches(dst Tensor, p *raster.Picture, patch int) {
	if c.ok(c.checkPatches(dst, p, patch)) {
		c.to.(Pictures).Patches(dst, p, patch)
	}
}

func (c *Checked) checkPatches(dst Tensor, p *raster.Picture, patch int) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("patches: %w", err)
	}
	if patch < 1 || patch > p.Tile.Width || patch > p.Tile.Height {
		return fmt.Errorf("patches: %d x %d pixels are no patch of a tile of %d x %d", patch, patch, p.Tile.Width, p.Tile.Height)
	}
	if err := checkShape("patches", "the result", dst, p.Patches(patch), 3*patch*patch); err != nil {
		return err
	}
	if !c.Prepares(p, patch) {
		return fmt.Errorf("patches: the device takes no picture of %d x %d pixels in %d frames", p.W, p.H, len(p.Frames))
	}
	return nil
}
