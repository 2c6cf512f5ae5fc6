package image

// Pixels is a picture ready for a vision tower: normalised values of one or more tiles of the same size, tile after
// tile, each channel by channel (CHW).
type Pixels struct {
	C, H, W int // of a tile
	Data    []float32

	Layout *Layout // how the tiles' rows are put together; nil: one tile, its rows as the tower gives them
}

// Tiles is the number of tiles in Data.
func (p Pixels) Tiles() int {
	if p.C*p.H*p.W == 0 {
		return 0
	}
	return len(p.Data) / (p.C * p.H * p.W)
}

// Padding are the rows, among those that the picture takes in a prompt, that show nothing of it.
func (p Pixels) Padding() []int {
	if p.Layout == nil {
		return nil
	}
	return p.Layout.padding()
}

// Tile is one of them as a picture of its own.
func (p Pixels) Tile(i int) Pixels {
	n := p.C * p.H * p.W
	return Pixels{C: p.C, H: p.H, W: p.W, Data: p.Data[i*n : (i+1)*n]}
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
