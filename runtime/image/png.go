package image

import (
	"bytes"
	"fmt"
	stdimage "image"
	"image/color"
	"image/png"
)

func decodePNG(b []byte) (*RGB, error) {
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if isGray16(b) {
		return clipGray16(m), nil
	}
	switch m := m.(type) {
	case *stdimage.Gray:
		return packed(m.Rect, m.Pix, m.Stride, 1, [3]int{0, 0, 0}), nil
	case *stdimage.RGBA: // the decoder's type for pictures without alpha
		return packed(m.Rect, m.Pix, m.Stride, 4, [3]int{0, 1, 2}), nil
	case *stdimage.NRGBA:
		return packed(m.Rect, m.Pix, m.Stride, 4, [3]int{0, 1, 2}), nil
	case *stdimage.RGBA64: // of 16 bits the upper 8
		return packed(m.Rect, m.Pix, m.Stride, 8, [3]int{0, 2, 4}), nil
	case *stdimage.NRGBA64:
		return packed(m.Rect, m.Pix, m.Stride, 8, [3]int{0, 2, 4}), nil
	case *stdimage.Paletted:
		return fromPalette(m), nil
	}
	return nil, fmt.Errorf("unexpected pixel type %T", m)
}

// packed copies three of the bytes of each pixel.
func packed(r stdimage.Rectangle, pix []uint8, stride, size int, channels [3]int) *RGB {
	p := newRGB(r.Dx(), r.Dy())
	for y := range p.H {
		from, to := pix[y*stride:], p.Row(y)
		for x := range p.W {
			for c, offset := range channels {
				to[3*x+c] = from[x*size+offset]
			}
		}
	}
	return p
}

func fromPalette(m *stdimage.Paletted) *RGB {
	var colors [256][3]uint8
	for i, c := range m.Palette {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		colors[i] = [3]uint8{n.R, n.G, n.B}
		if rgb, ok := c.(color.NRGBA); ok { // keeps the colour of an entry that is fully transparent
			colors[i] = [3]uint8{rgb.R, rgb.G, rgb.B}
		}
	}
	p := newRGB(m.Rect.Dx(), m.Rect.Dy())
	for y := range p.H {
		from, to := m.Pix[y*m.Stride:], p.Row(y)
		for x := range p.W {
			copy(to[3*x:], colors[from[x]][:])
		}
	}
	return p
}

// isGray16 reads the bit depth and the colour type in the header, which is the first chunk.
func isGray16(b []byte) bool { return b[24] == 16 && b[25] == 0 }

// clipGray16 is Pillow's way with 16 bit gray: it does not scale, values above 255 become 255.
func clipGray16(m stdimage.Image) *RGB {
	p := newRGB(m.Bounds().Dx(), m.Bounds().Dy())
	for y := range p.H {
		to := p.Row(y)
		for x := range p.W {
			v := clamp8(int(gray16At(m, x, y)))
			to[3*x], to[3*x+1], to[3*x+2] = v, v, v
		}
	}
	return p
}

func gray16At(m stdimage.Image, x, y int) uint16 {
	if t, ok := m.(*stdimage.NRGBA64); ok { // gray with one transparent value
		return t.NRGBA64At(x, y).R
	}
	return m.(*stdimage.Gray16).Gray16At(x, y).Y
}
