package image

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"strings"
)

// Format is how a picture is encoded.
type Format string

// The formats that are decoded.
const (
	JPEG Format = "JPEG"
	PNG  Format = "PNG"
	WebP Format = "WebP"
)

// Info is what a picture's header says. Width and Height are those of the stored pixels, before EXIF's orientation.
type Info struct {
	Format        Format
	Width, Height int
}

// DecodeConfig reads the header only and holds it to the limits.
func DecodeConfig(b []byte, lim Limits) (Info, error) {
	lim = lim.withDefaults()
	if err := lim.checkBytes(int64(len(b))); err != nil {
		return Info{}, err
	}
	info, err := readHeader(b)
	if err != nil {
		return Info{}, err
	}
	return info, lim.checkSize(info.Width, info.Height)
}

// UprightSize is the size that Decode gives the picture: turned as its EXIF data says.
func UprightSize(b []byte, info Info) Size {
	if orientation(b, info.Format) >= 5 {
		return Size{info.Width, info.Height}
	}
	return Size{info.Height, info.Width}
}

func readHeader(b []byte) (Info, error) {
	switch name := sniff(b); name {
	case string(JPEG):
		c, err := jpeg.DecodeConfig(bytes.NewReader(b))
		return Info{JPEG, c.Width, c.Height}, wrapHeader(JPEG, err)
	case string(PNG):
		c, err := png.DecodeConfig(bytes.NewReader(b))
		return Info{PNG, c.Width, c.Height}, wrapHeader(PNG, err)
	case string(WebP):
		h, err := readWebPHeader(b)
		return Info{WebP, h.width, h.height}, wrapHeader(WebP, err)
	case "":
		if len(b) == 0 {
			return Info{}, errors.New("the picture is empty")
		}
		return Info{}, errors.New("the picture's format is not known: expected JPEG, PNG or WebP")
	default:
		return Info{}, fmt.Errorf("pictures of format %s are not supported: expected JPEG, PNG or WebP", name)
	}
}

func wrapHeader(f Format, err error) error {
	if err != nil {
		return fmt.Errorf("reading %s header: %w", f, err)
	}
	return nil
}

var signatures = []struct{ start, name string }{
	{"\xff\xd8\xff", string(JPEG)},
	{"\x89PNG\r\n\x1a\n", string(PNG)},
	{"GIF8", "GIF"},
	{"BM", "BMP"},
	{"II*\x00", "TIFF"},
	{"MM\x00*", "TIFF"},
	{"\x00\x00\x01\x00", "ICO"},
	{"%PDF", "PDF"},
	{"<svg", "SVG"},
	{"<?xml", "XML"},
	{"\x00\x00\x00\x0cjP  ", "JPEG 2000"},
	{"\xff\x0a", "JPEG XL"},
}

// sniff names the format by its first bytes: "" when it is none that is known. What a request claims does not count.
func sniff(b []byte) string {
	start := string(b[:min(len(b), 16)])
	for _, s := range signatures {
		if strings.HasPrefix(start, s.start) {
			return s.name
		}
	}
	if len(start) < 12 {
		return ""
	}
	switch {
	case start[:4] == "RIFF" && start[8:12] == "WEBP":
		return string(WebP)
	case start[4:8] == "ftyp" && start[8:11] == "avi":
		return "AVIF"
	case start[4:8] == "ftyp":
		return "HEIF or video (" + strings.ToValidUTF8(strings.TrimRight(start[8:12], " \x00"), "?") + ")"
	}
	return ""
}
