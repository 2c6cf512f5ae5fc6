package raster

import (
	"errors"
	"fmt"
)

// Picture is a decoded picture and how it becomes tiles: its frames in turn, each cut line by line, from the left. What it
// points to is never changed.
type Picture struct {
	*RGB
	Frames []Frame
	Tile   Size // pixels of a tile
	Levels *Levels
}

// Tiles is the number of all frames' tiles.
func (p *Picture) Tiles() int {
	n := 0
	for i := range p.Frames {
		n += p.Frames[i].tiles(p.Tile)
	}
	return n
}

func (f *Frame) tiles(tile Size) int { return f.On.Height / tile.Height * (f.On.Width / tile.Width) }

// Patches is the number of square patches of all tiles. What is left on the right and below is no patch.
func (p *Picture) Patches(patch int) int {
	return p.Tiles() * (p.Tile.Height / patch) * (p.Tile.Width / patch)
}

// maxSide bounds grounds and resized pictures.
const maxSide = 1 << 16

// Check names what is wrong with a picture that did not come from this package's functions alone.
func (p *Picture) Check() error {
	switch {
	case p.RGB == nil || p.W < 1 || p.H < 1 || len(p.Pix) != 3*p.W*p.H:
		return errors.New("a picture has no pixels, or not 3 bytes for each")
	case p.Tile.Width < 1 || p.Tile.Height < 1 || p.Levels == nil || len(p.Frames) == 0:
		return fmt.Errorf("a picture of %d frames, tiles of %d x %d pixels, with levels: %t, gives no tile", len(p.Frames), p.Tile.Width, p.Tile.Height, p.Levels != nil)
	}
	for i := range p.Frames {
		if err := p.Frames[i].check(p.Tile); err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
	}
	return nil
}

func (f *Frame) check(tile Size) error {
	for _, s := range []Size{f.Under.Size, f.Resized(), f.On.Size} {
		if s.Width < 1 || s.Height < 1 || s.Width > maxSide || s.Height > maxSide {
			return fmt.Errorf("%d x %d pixels are not within 1..%d", s.Width, s.Height, maxSide)
		}
	}
	if f.On.Width%tile.Width != 0 || f.On.Height%tile.Height != 0 {
		return fmt.Errorf("%d x %d pixels are no whole tiles of %d x %d", f.On.Width, f.On.Height, tile.Width, tile.Height)
	}
	return errors.Join(f.Across.check(f.Under.Width), f.Down.check(f.Under.Height))
}

// Cut does the frames' work on the host. The picture that comes out is a strip of all tiles, one below the other, which has nothing
// left to be done but patches; so is one that was cut before, which is given back.
func (p *Picture) Cut() *Picture {
	if p.isCut() {
		return p
	}
	strip := New(p.Tile.Width, p.Tile.Height*p.Tiles())
	tile := 0
	for i := range p.Frames {
		f := &p.Frames[i]
		columns, row := f.On.Width/p.Tile.Width, f.lines(p.RGB)
		for y := range f.On.Height {
			line := row(y)
			for x := range columns {
				to := (tile+y/p.Tile.Height*columns+x)*p.Tile.Height + y%p.Tile.Height
				copy(strip.Row(to), line[3*x*p.Tile.Width:])
			}
		}
		tile += f.tiles(p.Tile)
	}
	ground := Whole(strip.Size())
	return &Picture{RGB: strip, Frames: []Frame{{Under: ground, On: ground}}, Tile: p.Tile, Levels: p.Levels}
}

func (p *Picture) isCut() bool {
	return len(p.Frames) == 1 && p.W == p.Tile.Width && p.Frames[0].still(p.Size())
}

// WritePatches lays every patch out as one row of dst, normalised, channel by channel and line by line: the order of a patch
// weight. Rows follow each other from the left, line by line, tile by tile.
func (p *Picture) WritePatches(dst []float32, patch int) {
	tiles := p.Cut()
	for tile := range tiles.H / p.Tile.Height {
		for y := range p.Tile.Height / patch {
			for x := range p.Tile.Width / patch {
				for line := range 3 * patch {
					levels, row := &p.Levels[line/patch], tiles.Row(tile*p.Tile.Height + y*patch + line%patch)[3*x*patch+line/patch:]
					for i := range patch {
						dst[i] = levels[row[3*i]]
					}
					dst = dst[patch:]
				}
			}
		}
	}
}
