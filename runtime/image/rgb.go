package image

import (
	"fmt"

	"aircache.dev/aircache/runtime/image/raster"
)

// RGB is a picture of 8 bits a channel.
type RGB = raster.RGB

func newRGB(w, h int) *RGB { return raster.New(w, h) }

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
