package model

import (
	"aircache.dev/aircache/runtime/image"
)

// axes of an M-RoPE position: time, height, width.
const axes = 3

// Span is the number of logical positions that a prompt takes: its rows, but for families whose positions follow pictures
// (Config.MRoPE). There a picture takes as many as the longer side of its grid of visual tokens, and an answer goes on
// behind the highest one, however many rows there are. A picture of 20 x 30 visual tokens has 600 rows and takes 30 positions.
func (c Config) Span(tokens []int32, px []image.Pixels) int {
	span := len(tokens)
	if !c.MRoPE {
		return span
	}
	for _, p := range px {
		g := c.grid(p)
		span += max(g.Height, g.Width) - g.Height*g.Width
	}
	return span
}

// grid is a picture's visual tokens as lines and columns, of families that merge patches of pictures of any size.
func (c Config) grid(px image.Pixels) image.Size {
	side := c.Tower.Patch * c.Tower.Merge
	return image.Size{Height: px.H / side, Width: px.W / side}
}

// grids are those of pictures, where positions follow them.
func (c Config) grids(px []image.Pixels) (grids []image.Size) {
	if !c.MRoPE {
		return nil
	}
	for _, p := range px {
		grids = append(grids, c.grid(p))
	}
	return grids
}

// follow gives each row's positions, axis by axis, from the first one on: text counts on all axes alike, a picture's rows stay
// where it begins in time and count lines and columns.
//
//	2 x 2 visual tokens between two words   time    0  1 1 1 1  3
//	                                        height  0  1 1 2 2  3
//	                                        width   0  1 2 1 2  3
func follow(rows int, images []int32, grids []image.Size, first int) (positions [axes][]int32) {
	next := int32(first)
	for row := 0; row < rows; {
		if len(images) == 0 || int32(row) < images[0] {
			for a := range positions {
				positions[a] = append(positions[a], next)
			}
			next, row = next+1, row+1
			continue
		}
		g := grids[0]
		for y := range int32(g.Height) {
			for x := range int32(g.Width) {
				positions[0] = append(positions[0], next)
				positions[1], positions[2] = append(positions[1], next+y), append(positions[2], next+x)
			}
		}
		n := g.Height * g.Width
		next += int32(max(g.Height, g.Width))
		row, images, grids = row+n, images[n:], grids[1:]
	}
	return positions
}

// anglesAt are those of a prompt with pictures.
func (d *decoder) anglesAt(rows int, images []int32, grids []image.Size, first int) []float32 {
	positions := follow(rows, images, grids, first)
	angles := make([]float32, rows*2*len(d.axisOf))
	turnBy(angles, &d.turns, &positions, d.axisOf)
	return angles
}

// turnBy writes the angles of rows that have a position on each axis: [rows, 2*pairs], cosines then sines. axisOf says which
// one each pair follows.
func turnBy(angles []float32, t *turns, positions *[axes][]int32, axisOf []uint8) {
	pairs := len(axisOf)
	for row := range positions[0] {
		var cos, sin [axes][]float32
		for a := range positions {
			cos[a], sin[a] = t.at(int(positions[a][row]))
		}
		to := angles[row*2*pairs:][:2*pairs]
		for j, a := range axisOf {
			to[j], to[pairs+j] = cos[a][j], sin[a][j]
		}
	}
}
