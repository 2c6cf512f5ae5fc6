package image

// Pixels is a picture ready for a vision tower: one or more tiles of the same size. A processor leaves them at 8 bits a
// value, a quarter of what they take normalised: 37 tiles of 384 x 384 are 16 MB, and many requests can wait.
type Pixels struct {
	C, H, W int       // of a tile
	Data    []float32 // normalised values, tile after tile, each channel by channel (CHW); or none, and 8 bits a value

	Layout *Layout // how the tiles' rows are put together; nil: one tile, its rows as the tower gives them

	raw    []uint8 // in place of Data: tile after tile, each pixel by pixel
	levels *levels // what a value of raw is, normalised
}

// Values is the number of values of all tiles.
func (p Pixels) Values() int { return len(p.Data) + len(p.raw) }

// Tiles is the number of whole tiles.
func (p Pixels) Tiles() int {
	if p.C*p.H*p.W == 0 {
		return 0
	}
	return p.Values() / (p.C * p.H * p.W)
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
	if p.levels == nil {
		t.Data = p.Data[i*n : (i+1)*n]
	} else {
		t.Data = p.levels.normalise(p.raw[i*n:(i+1)*n], p.H*p.W)
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

	Grids    []Size // any-resolution models: the sizes in pixels that a picture can be laid out in
	MaxTiles int    // any-resolution models: rows of more tiles than so many are scaled down
}
