package scene

import (
	"bytes"
	_ "embed"
	"image"
	"image/png"
	"strings"
	"sync"
)

//go:embed glyphs.png
var glyphsFile []byte

// glyph is how much ink each pixel of a patch has, 0 to 255.
type glyph [patch][patch]uint8

// fonts are the held-out ones, each with the glyphs of alphabet. A broken file is a fault of the build.
var fonts = sync.OnceValue(func() [][]glyph {
	decoded, err := png.Decode(bytes.NewReader(glyphsFile))
	if err != nil {
		panic("reading glyphs.png: " + err.Error())
	}
	atlas := decoded.(*image.Gray)
	all := make([][]glyph, atlas.Rect.Dy()/patch)
	for f := range all {
		all[f] = make([]glyph, len(alphabet))
		for c := range all[f] {
			for y := range patch {
				copy(all[f][c][y][:], atlas.Pix[(f*patch+y)*atlas.Stride+c*patch:])
			}
		}
	}
	return all
})

// inkAt is the glyph's ink at a pixel of the patch, after the scene's shift; what leaves on one side comes back on the other.
func (s *Scene) inkAt(char byte, x, y int) uint8 {
	g := &fonts()[s.font][strings.IndexByte(alphabet, char)]
	return g[(y-s.shift[1]+patch)%patch][(x-s.shift[0]+patch)%patch]
}
