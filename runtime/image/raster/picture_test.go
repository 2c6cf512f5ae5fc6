package raster

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func noise(width, height int) *RGB {
	random := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	p := New(width, height)
	for i := range p.Pix {
		p.Pix[i] = uint8(random.IntN(256))
	}
	return p
}

func frame(t *testing.T, under Ground, to Size, f Filter, on Ground) Frame {
	t.Helper()
	made, err := NewFrame(under, to, f, on)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// slow puts a picture on a ground in memory.
func slow(p *RGB, g Ground) *RGB {
	out := New(g.Width, g.Height)
	for y := range g.Height {
		for x := range g.Width {
			from := g.Colour[:]
			if px, py := x-g.Left, y-g.Top; px >= 0 && px < p.W && py >= 0 && py < p.H {
				from = p.Row(py)[3*px:]
			}
			copy(out.Row(y)[3*x:3*x+3], from)
		}
	}
	return out
}

// A ground is never made in memory: the bars of 1 x 4000 pixels in a square would take 48 MB.
func TestGroundsEqualPicturesThatWerePutOnThem(t *testing.T) {
	grey := [3]uint8{120, 90, 200}
	for _, size := range []Size{{1, 1}, {1, 400}, {31, 33}, {64, 7}} {
		p := noise(size.Width, size.Height)
		side := max(size.Width, size.Height)
		for name, under := range map[string]Ground{
			"as it is":          Whole(size),
			"in a square":       Middle(size, Size{side, side}, grey),
			"its middle":        Middle(size, Size{(size.Height + 1) / 2, (size.Width + 1) / 2}, grey),
			"beside the ground": {Size: Size{5, 5}, Left: 9, Top: -70, Colour: grey},
		} {
			for _, to := range []Size{{12, 12}, {under.Height, 30}, {1, under.Width}, {90, 100}} {
				for _, f := range []Filter{Nearest, Bilinear, Bicubic, Lanczos} {
					want, err := Resize(slow(p, under), to.Width, to.Height, f)
					if err != nil {
						t.Fatal(err)
					}
					on := Middle(to, Size{48, 36}, [3]uint8{1, 2, 3})
					picture := &Picture{RGB: p, Frames: []Frame{frame(t, under, to, f, on)}, Tile: Size{48, 36}, Levels: &Levels{}}
					if err := picture.Check(); err != nil {
						t.Fatal(err)
					}
					if got := picture.Cut(); !slices.Equal(got.Pix, slow(want, on).Pix) {
						t.Errorf("%v %s, resized to %v by filter %d, is not what the same picture in memory gives", size, name, to, f)
					}
				}
			}
		}
	}
}

func TestPatchesComeTileByTileAndChannelByChannel(t *testing.T) {
	p := noise(10, 4) // two tiles of 5 x 4 pixels, each of 2 x 2 patches of 2 x 2; a column is left over
	var levels Levels
	for channel := range levels {
		for v := range levels[channel] {
			levels[channel][v] = float32(1000*channel + v)
		}
	}
	ground := Whole(p.Size())
	picture := &Picture{RGB: p, Frames: []Frame{{Under: ground, On: ground}}, Tile: Size{4, 5}, Levels: &levels}
	if picture.Tiles() != 2 || picture.Patches(2) != 8 {
		t.Fatalf("%d tiles of %d patches, 2 of 8 wanted", picture.Tiles(), picture.Patches(2))
	}
	got := make([]float32, 8*12)
	picture.WritePatches(got, 2)
	var want []float32
	for _, at := range [][2]int{{0, 0}, {2, 0}, {0, 2}, {2, 2}, {5, 0}, {7, 0}, {5, 2}, {7, 2}} {
		for channel := range 3 {
			for i := range 4 {
				want = append(want, levels[channel][p.Row(at[1] + i/2)[3*(at[0]+i%2)+channel]])
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if cut := picture.Cut(); cut.Cut() != cut || cut == picture {
		t.Error("a strip of tiles is cut again, or two tiles beside each other are not")
	}
}

func TestBrokenPicturesAreNamed(t *testing.T) {
	whole := Whole(Size{4, 6})
	good := func() *Picture {
		return &Picture{RGB: noise(6, 4), Frames: []Frame{frame(t, whole, Size{8, 8}, Bicubic, Whole(Size{8, 8}))}, Tile: Size{4, 4}, Levels: &Levels{}}
	}
	for want, spoil := range map[string]func(*Picture){
		"not 3 bytes for each":                  func(p *Picture) { p.Pix = p.Pix[1:] },
		"0 frames":                              func(p *Picture) { p.Frames = nil },
		"with levels: false":                    func(p *Picture) { p.Levels = nil },
		"8 x 8 pixels are no whole tiles":       func(p *Picture) { p.Tile = Size{3, 4} },
		"frame 0: 8 x 0 pixels are not":         func(p *Picture) { p.Frames[0].On.Height = 0 },
		"pixel 5 is made of source pixels 2..5": func(p *Picture) { p.Frames[0].Under.Width = 5 },
		"pixel 0 is made of source pixels -1":   func(p *Picture) { p.Frames[0].Down.First[0] = -1 },
		"are no taps":                           func(p *Picture) { p.Frames[0].Across.Start = p.Frames[0].Across.Start[1:] },
	} {
		p := good()
		spoil(p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := good().Check(); err != nil {
		t.Error(err)
	}
	for want, make := range map[string]func() (Frame, error){
		"resizing 6 x 4 pixels to 0 x 1": func() (Frame, error) { return NewFrame(whole, Size{1, 0}, Bicubic, whole) },
		"filter 9 is not supported":      func() (Frame, error) { return NewFrame(whole, Size{1, 1}, 9, whole) },
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
