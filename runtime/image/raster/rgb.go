package raster

// RGB is a picture of 8 bits a channel: Pix holds rows from the top, pixels from the left, red, green, blue.
type RGB struct {
	W, H int
	Pix  []uint8
}

// New is a black picture.
func New(width, height int) *RGB {
	return &RGB{W: width, H: height, Pix: make([]uint8, 3*width*height)}
}

// Row is one line of pixels.
func (p *RGB) Row(y int) []uint8 { return p.Pix[3*p.W*y : 3*p.W*(y+1)] }

// Size of the picture in pixels.
func (p *RGB) Size() Size { return Size{p.H, p.W} }

// Size is a number of rows and columns: of pixels, of tiles or of patches.
type Size struct{ Height, Width int }

// Levels are what each 8 bit value becomes, by channel.
type Levels [3][256]float32
