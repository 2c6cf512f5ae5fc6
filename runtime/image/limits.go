package image

import "fmt"

// Limits bound what one picture may cost. A field that is 0 takes the value of DefaultLimits.
type Limits struct {
	Bytes  int64 // of the encoded picture
	Width  int64
	Height int64
	Pixels int64 // width times height
}

// DefaultLimits let a phone's 24 megapixel photo through. Decoding costs 6 bytes a pixel, a progressive JPEG up to 18.
var DefaultLimits = Limits{Bytes: 20 << 20, Width: 16384, Height: 16384, Pixels: 25_000_000}

// LimitError names the limit that a picture breaks.
type LimitError struct {
	Name       string // bytes, width, height or pixels
	Got, Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the picture has %d %s, the limit is %d", e.Got, limitUnits[e.Name], e.Limit)
}

var limitUnits = map[string]string{"bytes": "bytes", "width": "pixels in width", "height": "pixels in height", "pixels": "pixels"}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct{ value, byDefault *int64 }{
		{&l.Bytes, &DefaultLimits.Bytes}, {&l.Width, &DefaultLimits.Width},
		{&l.Height, &DefaultLimits.Height}, {&l.Pixels, &DefaultLimits.Pixels},
	} {
		if *f.value == 0 {
			*f.value = *f.byDefault
		}
	}
	return l
}

func (l Limits) checkBytes(n int64) error {
	if n > l.Bytes {
		return &LimitError{Name: "bytes", Got: n, Limit: l.Bytes}
	}
	return nil
}

func (l Limits) checkSize(width, height int) error {
	w, h := int64(width), int64(height)
	switch {
	case w < 1 || h < 1:
		return fmt.Errorf("the picture is %d x %d pixels, expected at least 1 x 1", w, h)
	case w > l.Width:
		return &LimitError{Name: "width", Got: w, Limit: l.Width}
	case h > l.Height:
		return &LimitError{Name: "height", Got: h, Limit: l.Height}
	case w*h > l.Pixels:
		return &LimitError{Name: "pixels", Got: w * h, Limit: l.Pixels}
	}
	return nil
}
