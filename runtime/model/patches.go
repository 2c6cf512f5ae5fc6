package model

import (
	"slices"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// cutter makes pictures into the patches that a tower reads: on a device that prepares pictures, or else on the host.
type cutter struct {
	ops   *backend.Checked
	patch int // pixels along its side
	space workspace
	host  []float32 // one picture's patches
}

func newCutter(ops *backend.Checked, channels, patch int) cutter {
	return cutter{ops: ops, patch: patch, space: workspace{ops: ops, columns: working(channels * patch * patch)}}
}

// cut gives the patches of all pictures, a row each. They are good until the next call.
func (c *cutter) cut(px []image.Pixels) (backend.Tensor, error) {
	rows := 0
	for _, p := range px {
		rows += p.Patches(c.patch)
	}
	var all [1]backend.Tensor
	if err := c.space.top(all[:], rows); err != nil {
		return backend.Tensor{}, err
	}
	from := 0
	for _, p := range px {
		to := from + p.Patches(c.patch)
		c.write(all[0].Slice(from, to), p)
		from = to
	}
	return all[0], nil
}

func (c *cutter) write(dst backend.Tensor, p image.Pixels) {
	if c.prepares(p) {
		c.ops.Patches(dst, p.Picture, c.patch)
		return
	}
	n := dst.Rows * dst.Cols
	c.host = slices.Grow(c.host[:0], n)[:n]
	p.WritePatches(c.host, c.patch)
	c.ops.Write(dst, c.host)
}

// prepares reports whether the device does what is to be done to a picture.
func (c *cutter) prepares(p image.Pixels) bool {
	return p.Picture != nil && c.ops.Prepares(p.Picture, c.patch)
}
