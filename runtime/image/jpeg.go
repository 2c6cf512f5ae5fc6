package image

import (
	"bytes"
	"fmt"
	stdimage "image"
	"image/jpeg"
)

// decodeJPEG takes libjpeg-turbo where it is installed. What that refuses Go's decoder has the last word on: libjpeg
// also complains of what it can read, such as bytes between two segments.
func decodeJPEG(b []byte, info Info) (*RGB, error) {
	if turbo, err := loadTurboJPEG(); err == nil {
		if p, err := turbo.rgb(b, info); err == nil {
			return p, nil
		}
	}
	return decodeJPEGInGo(b)
}

func decodeJPEGInGo(b []byte) (*RGB, error) {
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *stdimage.YCbCr:
		return fromYCbCr(m), nil
	case *stdimage.Gray:
		return packed(m.Rect, m.Pix, m.Stride, 1, [3]int{0, 0, 0}), nil
	case *stdimage.RGBA: // stored as RGB
		return packed(m.Rect, m.Pix, m.Stride, 4, [3]int{0, 1, 2}), nil
	case *stdimage.CMYK:
		return fromCMYK(m), nil
	}
	return nil, fmt.Errorf("unexpected pixel type %T", m)
}

// fromYCbCr widens the colour planes as libjpeg does by default ("fancy upsampling") and converts with its integers.
func fromYCbCr(m *stdimage.YCbCr) *RGB {
	p := newRGB(m.Rect.Dx(), m.Rect.Dy())
	u := newUpsampler(m.SubsampleRatio, p.W, p.H)
	cb, cr := make([]uint8, p.W+8), make([]uint8, p.W+8)
	for y := range p.H {
		u.row(cb, m.Cb, m.CStride, y)
		u.row(cr, m.Cr, m.CStride, y)
		luma, to := m.Y[y*m.YStride:], p.Row(y)
		for x := range p.W {
			yccPixel(to[3*x:3*x+3:3*x+3], int(luma[x]), int(cb[x])-128, int(cr[x])-128)
		}
	}
	return p
}

// yccPixel is JFIF's conversion in 16 bit fixed point: 1.402, 0.34414, 0.71414 and 1.772, each rounded once.
func yccPixel(to []uint8, y, cb, cr int) {
	const half = 1 << 15
	to[0] = clamp8(y + (91881*cr+half)>>16)
	to[1] = clamp8(y + (-22554*cb-46802*cr+half)>>16)
	to[2] = clamp8(y + (116130*cb+half)>>16)
}

// fromCMYK is Pillow's conversion: what black leaves, less the share of the ink.
func fromCMYK(m *stdimage.CMYK) *RGB {
	p := newRGB(m.Rect.Dx(), m.Rect.Dy())
	for y := range p.H {
		from, to := m.Pix[y*m.Stride:], p.Row(y)
		for x := range p.W {
			light := 255 - int(from[4*x+3])
			for c := range 3 {
				product := int(from[4*x+c])*light + 128
				to[3*x+c] = clamp8(light - (product+product>>8)>>8)
			}
		}
	}
	return p
}
