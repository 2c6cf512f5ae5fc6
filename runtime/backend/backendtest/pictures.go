package backendtest

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image/raster"
)

// pictures compares a device that prepares pictures by itself with package raster: every bit, where the tensor keeps them.
func (s *suite) pictures() {
	tile := raster.Size{Height: 30, Width: 24}
	for _, size := range []raster.Size{{Height: 1, Width: 1}, {Height: 700, Width: 1}, {Height: 31, Width: 33}, {Height: 24, Width: 90}, {Height: 400, Width: 301}} {
		for _, f := range []raster.Filter{raster.Nearest, raster.Bilinear, raster.Bicubic, raster.Lanczos} {
			side := max(size.Height, size.Width)
			p := s.picture(size, tile)
			grid := raster.Size{Height: 2 * tile.Height, Width: 3 * tile.Width}
			fitted := raster.Size{Height: 41, Width: grid.Width}
			p.Frames = []raster.Frame{
				s.frame(raster.Whole(size), tile, f, raster.Whole(tile)),
				s.frame(raster.Middle(size, raster.Size{Height: side, Width: side}, [3]uint8{9, 120, 255}), tile, f, raster.Whole(tile)),
				s.frame(raster.Whole(size), fitted, f, raster.Middle(fitted, grid, [3]uint8{})),
				s.frame(raster.Whole(size), raster.Size{Height: 90, Width: 77}, f, raster.Middle(raster.Size{Height: 90, Width: 77}, tile, [3]uint8{})),
			}
			s.comparePatches(fmt.Sprintf("%v by filter %d", size, f), p)
			s.comparePatches(fmt.Sprintf("%v by filter %d, cut", size, f), p.Cut())
		}
	}
}

func (s *suite) picture(size, tile raster.Size) *raster.Picture {
	p := &raster.Picture{RGB: raster.New(size.Width, size.Height), Tile: tile, Levels: &raster.Levels{}}
	for i := range p.Pix {
		p.Pix[i] = uint8(s.random.IntN(256))
	}
	for channel := range p.Levels {
		copy(p.Levels[channel][:], s.normal(256, 2))
	}
	return p
}

func (s *suite) frame(under raster.Ground, to raster.Size, f raster.Filter, on raster.Ground) raster.Frame {
	s.Helper()
	made, err := raster.NewFrame(under, to, f, on)
	if err != nil {
		s.Fatal(err)
	}
	return made
}

func (s *suite) comparePatches(name string, p *raster.Picture) {
	s.Helper()
	const patch = 7
	if !s.b.Prepares(p, patch) {
		return // the host's work, which package raster's own tests hold
	}
	rows, cols := p.Patches(patch), 3*patch*patch
	want := make([]float32, rows*cols)
	p.WritePatches(want, patch)
	for _, precision := range []backend.Precision{backend.Exact, backend.Working} {
		got, rounded := s.stored(rows, cols, s.normal(rows*cols, 9), precision), append([]float32(nil), want...)
		s.b.Free(s.stored(rows, cols, rounded, precision)) // what the device keeps of it
		s.b.Patches(got, p, patch)
		have := make([]float32, rows*cols)
		s.b.Read(have, got)
		s.b.Free(got)
		if err := s.b.Sync(); err != nil {
			s.Fatalf("patches of %s: %v", name, err)
		}
		for i, v := range rounded {
			if have[i] != v {
				s.Errorf("patches of %s, precision %d: value %d of row %d is %g, %g wanted", name, precision, i%cols, i/cols, have[i], v)
				return
			}
		}
	}
}
