package image

import "fmt"

// RGB is a picture of 8 bits a channel: Pix holds rows from the top, pixels from the left, red, green, blue.
type RGB struct {
	W, H int
	Pix  []uint8
}

func newRGB(w, h int) *RGB { return &RGB{W: w, H: h, Pix: make([]uint8, 3*w*h)} }

func (p *RGB) row(y int) []uint8 { return p.Pix[3*p.W*y : 3*p.W*(y+1)] }

// Decode reads a picture as Pillow's convert("RGB") makes it, turned upright as its EXIF data says. Alpha is dropped,
// not blended: the colour under a transparent pixel comes to light.
func Decode(b []byte, lim Limits) (*RGB, error) {
	info, err := DecodeConfig(b, lim)
	if err != nil {
		return nil, err
	}
	p, err := decoders[info.Format](b, info)
	if err != nil {
		return nil, fmt.Errorf("decoding %s picture: %w", info.Format, err)
	}
	if p.W != info.Width || p.H != info.Height {
		return nil, fmt.Errorf("decoding %s picture: it has %d x %d pixels, its header says %d x %d", info.Format, p.W, p.H, info.Width, info.Height)
	}
	return upright(p, orientation(b, info.Format)), nil
}

var decoders = map[Format]func([]byte, Info) (*RGB, error){
	JPEG: decodeJPEG,
	PNG:  func(b []byte, _ Info) (*RGB, error) { return decodePNG(b) },
	WebP: func(b []byte, _ Info) (*RGB, error) { return decodeWebP(b) },
}

func clamp8(v int) uint8 { return uint8(min(max(v, 0), 255)) }
