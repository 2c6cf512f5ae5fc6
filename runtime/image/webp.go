package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	stdimage "image"

	"golang.org/x/image/webp"
)

// webpHeader is what the chunks of a WebP file say before any pixel is read.
type webpHeader struct {
	width, height int
	exif          []byte
}

const (
	webpAnimated = 1 << 1 // flag of the VP8X chunk
	riffHeader   = 12
	chunkHeader  = 8
)

// readWebPHeader walks over all chunks. The size is that of the frame itself: a canvas that says otherwise is an error,
// because decoders allocate what the frame says.
func readWebPHeader(b []byte) (webpHeader, error) {
	var canvas, frame webpHeader
	var exif []byte
	for rest := b[riffHeader:]; len(rest) >= chunkHeader; {
		name, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[chunkHeader:]
		body = body[:min(size, len(body))]
		rest = rest[min(chunkHeader+size+size&1, len(rest)):]
		var err error
		switch {
		case name == "VP8X" && len(body) >= 10:
			canvas = webpHeader{width: 1 + uint24(body[4:]), height: 1 + uint24(body[7:])}
			if body[0]&webpAnimated != 0 {
				return webpHeader{}, errors.New("animated pictures are not supported")
			}
		case name == "VP8 " && frame.width == 0:
			frame, err = lossyHeader(body)
		case name == "VP8L" && frame.width == 0:
			frame, err = losslessHeader(body)
		case name == "EXIF":
			exif = body
		}
		if err != nil {
			return webpHeader{}, err
		}
	}
	if frame.width == 0 {
		return webpHeader{}, errors.New("it holds no picture")
	}
	if canvas.width != 0 && (canvas.width != frame.width || canvas.height != frame.height) {
		return webpHeader{}, fmt.Errorf("the canvas is %d x %d pixels, the frame %d x %d", canvas.width, canvas.height, frame.width, frame.height)
	}
	frame.exif = exif
	return frame, nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// lossyHeader reads a VP8 key frame: three bytes of tag, a start code, and 14 bits each of width and height.
func lossyHeader(b []byte) (webpHeader, error) {
	if len(b) < 10 || b[0]&1 != 0 || b[3] != 0x9d || b[4] != 0x01 || b[5] != 0x2a {
		return webpHeader{}, errors.New("its VP8 chunk starts with no key frame")
	}
	const bits14 = 1<<14 - 1
	h := webpHeader{width: int(binary.LittleEndian.Uint16(b[6:])) & bits14, height: int(binary.LittleEndian.Uint16(b[8:])) & bits14}
	if h.width == 0 || h.height == 0 {
		return webpHeader{}, fmt.Errorf("its frame is %d x %d pixels", h.width, h.height)
	}
	return h, nil
}

func losslessHeader(b []byte) (webpHeader, error) {
	if len(b) < 5 || b[0] != 0x2f {
		return webpHeader{}, errors.New("its VP8L chunk has no signature")
	}
	const bits14 = 1<<14 - 1
	bits := int(binary.LittleEndian.Uint32(b[1:]))
	return webpHeader{width: 1 + bits&bits14, height: 1 + bits>>14&bits14}, nil
}

func decodeWebP(b []byte) (*RGB, error) {
	m, err := webp.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *stdimage.YCbCr:
		return fromVP8(m), nil
	case *stdimage.NYCbCrA:
		return fromVP8(&m.YCbCr), nil
	case *stdimage.NRGBA:
		return packed(m.Rect, m.Pix, m.Stride, 4, [3]int{0, 1, 2}), nil
	}
	return nil, fmt.Errorf("unexpected pixel type %T", m)
}

// fromVP8 widens the colour planes and converts as libwebp does. A colour value belongs to 2 x 2 pixels; each pixel
// mixes the four values around it 9:3:3:1, and planes go on at their edges with their last value.
func fromVP8(m *stdimage.YCbCr) *RGB {
	p := newRGB(m.Rect.Dx(), m.Rect.Dy())
	cols, rows := (p.W+1)/2, (p.H+1)/2
	for y := range p.H {
		near, far := y/2, min(max(y/2-1+2*(y&1), 0), rows-1)
		luma, to := m.Y[y*m.YStride:], p.Row(y)
		cbNear, cbFar := m.Cb[near*m.CStride:][:cols], m.Cb[far*m.CStride:][:cols]
		crNear, crFar := m.Cr[near*m.CStride:][:cols], m.Cr[far*m.CStride:][:cols]
		for x := range p.W {
			at, side := x/2, min(max(x/2-1+2*(x&1), 0), cols-1)
			vp8Pixel(to[3*x:3*x+3:3*x+3], int(luma[x]),
				diamond(cbNear[at], cbNear[side], cbFar[at], cbFar[side]),
				diamond(crNear[at], crNear[side], crFar[at], crFar[side]))
		}
	}
	return p
}

// diamond is (9a + 3b + 3c + d) / 16 in libwebp's two roundings.
func diamond(a, b, c, d uint8) int {
	sum := int(a) + int(b) + int(c) + int(d) + 8
	return ((sum+2*(int(b)+int(c)))>>3 + int(a)) >> 1
}

// vp8Pixel converts luma of 16..235 and colour of 16..240 (BT.601) in 14 bit fixed point, keeping 6 bits until the end.
func vp8Pixel(to []uint8, y, u, v int) {
	y = y * 19077 >> 8
	to[0] = clamp8((y + v*26149>>8 - 14234) >> 6)
	to[1] = clamp8((y - u*6419>>8 - v*13320>>8 + 8708) >> 6)
	to[2] = clamp8((y + u*33050>>8 - 17685) >> 6)
}
