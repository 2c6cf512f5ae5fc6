package image

import (
	"testing"

	"aircache.dev/aircache/runtime/image/raster"
)

// One pixel, one shape, one layout or one way to resize further, and it is another picture.
func TestDigestTellsPicturesApart(t *testing.T) {
	picture := func(edit func(*raster.Picture)) Pixels {
		rgb := raster.New(8, 6)
		size := raster.Size{Height: 4, Width: 4}
		frame, err := raster.NewFrame(raster.Whole(rgb.Size()), size, raster.Bicubic, raster.Whole(size))
		if err != nil {
			t.Fatal(err)
		}
		p := &raster.Picture{RGB: rgb, Frames: []raster.Frame{frame}, Tile: size, Levels: &raster.Levels{}}
		edit(p)
		return pixelsOf(p, nil)
	}
	plain := func(*raster.Picture) {}
	if one, again := picture(plain), picture(plain); one.Digest() != again.Digest() {
		t.Error("the same picture has two digests")
	}
	seen := map[[32]byte]string{}
	for name, px := range map[string]Pixels{
		"picture":          picture(plain),
		"another pixel":    picture(func(p *raster.Picture) { p.Pix[7] = 1 }),
		"another level":    picture(func(p *raster.Picture) { p.Levels[2][9] = 1 }),
		"rows first":       picture(func(p *raster.Picture) { p.Frames[0].DownFirst = true }),
		"another share":    picture(func(p *raster.Picture) { p.Frames[0].Down.Shares[1]++ }),
		"two frames":       picture(func(p *raster.Picture) { p.Frames = append(p.Frames, p.Frames[0]) }),
		"values":           {C: 1, H: 2, W: 3, Data: make([]float32, 6)},
		"turned":           {C: 1, H: 3, W: 2, Data: make([]float32, 6)},
		"another value":    {C: 1, H: 2, W: 3, Data: []float32{0, 0, 0, 0, 0, 1}},
		"laid out":         {C: 1, H: 2, W: 3, Data: make([]float32, 6), Layout: &Layout{Side: 1}},
		"laid out in more": {C: 1, H: 2, W: 3, Data: make([]float32, 6), Layout: &Layout{Side: 2}},
	} {
		if other := seen[px.Digest()]; other != "" {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[px.Digest()] = name
	}
}
