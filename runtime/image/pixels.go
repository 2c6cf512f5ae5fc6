package image

import "aircache.dev/aircache/runtime/image/raster"

// Pixels is a picture ready for a vision tower: one or more tiles of the same size. Either its tiles' values are given, or the
// decoded picture and what is to be done to it: a device may do that itself, or else Cut does it on the host.
type Pixels struct {
	C, H, W int       // of a tile
	Data    []float32 // normalised values, tile after tile, each channel by channel (CHW)

	Picture *raster.Picture // in place of Data

	Layout *Layout // how the tiles' rows are put together; nil: one tile, its rows as the tower gives them
}

// pixelsOf takes the tiles' sizes from the picture.
func pixelsOf(p *raster.Picture, l *Layout) Pixels {
	return Pixels{C: 3, H: p.Tile.Height, W: p.Tile.Width, Picture: p, Layout: l}
}

// Values is the number of values of all tiles.
func (p Pixels) Values() int {
	if p.Picture != nil {
		return p.Picture.Tiles() * p.C * p.H * p.W
	}
	return len(p.Data)
}

// Tiles is the number of whole tiles.
func (p Pixels) Tiles() int {
	if p.C*p.H*p.W == 0 {
		return 0
	}
	return p.Values() / (p.C * p.H * p.W)
}

// Bytes is the host's memory that the picture takes as long as it waits: 3 bytes a pixel of what was decoded, or of its tiles where
// they are cut. 37 tiles of 384 x 384 are 16 MB.
func (p Pixels) Bytes() int64 {
	if p.Picture != nil {
		return int64(len(p.Picture.Pix))
	}
	return 4 * int64(len(p.Data))
}

// Cut does on the host what is to be done to the picture, up to its tiles at 8 bits a value.
func (p Pixels) Cut() Pixels {
	if p.Picture != nil {
		p.Picture = p.Picture.Cut()
	}
	return p
}

// Patches is the number of square patches of all tiles.
func (p Pixels) Patches(patch int) int { return p.Tiles() * (p.H / patch) * (p.W / patch) }

// WritePatches lays every patch out as one row of dst, channel by channel, line by line: the order of a patch weight.
func (p Pixels) WritePatches(dst []float32, patch int) {
	if p.Picture != nil {
		p.Picture.WritePatches(dst, patch)
		return
	}
	for tile := range p.Tiles() {
		for y := range p.H / patch {
			for x := range p.W / patch {
				for line := range p.C * patch {
					channel, row := line/patch, y*patch+line%patch
					start := ((tile*p.C+channel)*p.H+row)*p.W + x*patch
					dst = dst[copy(dst, p.Data[start:start+patch]):]
				}
			}
		}
	}
}

// Padding are the rows, among those that the picture takes in a prompt, that show nothing of it.
func (p Pixels) Padding() []int {
	if p.Layout == nil {
		return nil
	}
	return p.Layout.padding()
}

// Tile is one of them as a picture of its own, normalised.
func (p Pixels) Tile(i int) Pixels {
	n := p.C * p.H * p.W
	t := Pixels{C: p.C, H: p.H, W: p.W}
	if p.Picture == nil {
		t.Data = p.Data[i*n : (i+1)*n]
		return t
	}
	tiles, area := p.Picture.Cut(), p.H*p.W
	t.Data = make([]float32, n)
	for j, v := range tiles.Pix[i*n : (i+1)*n] {
		t.Data[j%3*area+j/3] = tiles.Levels[j%3][v]
	}
	return t
}

// Size is a number of rows and columns: of pixels, of tiles or of patches.
type Size struct{ Height, Width int }

// Tower is what a model's config.json says about its pictures.
type Tower struct {
	Side  int // the vision tower takes squares of Side x Side pixels
	Patch int // in patches of Patch x Patch pixels
	Rows  int // and gives so many rows for each square

	Merge  int // models for pictures of any size: Merge x Merge patches become one row; 0: others
	Frames int // and a picture stands for so many equal frames

	Grids    []Size // any-resolution models: the sizes in pixels that a picture can be laid out in
	MaxTiles int    // any-resolution models: rows of more tiles than so many are scaled down; 0: none are
}
