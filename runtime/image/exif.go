package image

import (
	"bytes"
	"encoding/binary"
)

// orientation answers EXIF's tag of that name: 1 (upright) to 8, 1 when there is none or it makes no sense.
func orientation(b []byte, f Format) int {
	switch f {
	case JPEG:
		return tiffOrientation(bytes.TrimPrefix(jpegExif(b), exifStart))
	case PNG:
		return tiffOrientation(bytes.TrimPrefix(pngExif(b), exifStart))
	}
	h, err := readWebPHeader(b)
	if err != nil {
		return 1
	}
	return tiffOrientation(bytes.TrimPrefix(h.exif, exifStart))
}

var exifStart = []byte("Exif\x00\x00")

// jpegExif finds the first APP1 segment with EXIF data before the picture itself starts.
func jpegExif(b []byte) []byte {
	const startOfScan, endOfPicture, app1 = 0xda, 0xd9, 0xe1
	for i := 2; i+4 <= len(b) && b[i] == 0xff; {
		marker := b[i+1]
		if marker == 0xff { // fill byte
			i++
			continue
		}
		if marker == startOfScan || marker == endOfPicture {
			return nil
		}
		size := int(binary.BigEndian.Uint16(b[i+2:]))
		if size < 2 || i+2+size > len(b) {
			return nil
		}
		body := b[i+4 : i+2+size]
		if marker == app1 && bytes.HasPrefix(body, exifStart) {
			return body
		}
		i += 2 + size
	}
	return nil
}

func pngExif(b []byte) []byte {
	const signature, frame = 8, 12 // a chunk's length, name and checksum
	for i := signature; i+frame <= len(b); {
		size := int(binary.BigEndian.Uint32(b[i:]))
		if size < 0 || size > len(b)-i-frame {
			return nil
		}
		if string(b[i+4:i+8]) == "eXIf" {
			return b[i+8 : i+8+size]
		}
		i += frame + size
	}
	return nil
}

// tiffOrientation looks through the first directory of a TIFF structure.
func tiffOrientation(b []byte) int {
	const tagOrientation, typeShort, entry = 0x0112, 3, 12
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(b[:2]) == "MM" {
		order = binary.BigEndian
	} else if string(b[:2]) != "II" {
		return 1
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	count := int(order.Uint16(b[at:]))
	for dir := b[at+2:]; count > 0 && len(dir) >= entry; count-- {
		if order.Uint16(dir) == tagOrientation && order.Uint16(dir[2:]) == typeShort {
			if v := int(order.Uint16(dir[8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
		dir = dir[entry:]
	}
	return 1
}

// upright undoes an orientation: 2 to 4 are mirrored or turned by 180 degrees, 5 to 8 have rows and columns swapped.
func upright(p *RGB, orientation int) *RGB {
	if orientation == 1 {
		return p
	}
	swapped := orientation >= 5
	out := newRGB(p.W, p.H)
	if swapped {
		out = newRGB(p.H, p.W)
	}
	fromRight := orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8
	fromBottom := orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7
	for y := range out.H {
		to := out.Row(y)
		for x := range out.W {
			sx, sy := x, y
			if swapped {
				sx, sy = y, x
			}
			if fromRight {
				sx = p.W - 1 - sx
			}
			if fromBottom {
				sy = p.H - 1 - sy
			}
			copy(to[3*x:3*x+3], p.Pix[3*(sy*p.W+sx):])
		}
	}
	return out
}
