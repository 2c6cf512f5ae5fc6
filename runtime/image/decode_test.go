package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestALimitIsNamedBeforeAnyPixelIsRead(t *testing.T) {
	for _, name := range []string{"png-rgb.png", "jpeg-420.jpg", "webp-lossy.webp", "webp-lossless-alpha.webp", "webp-lossy-alpha.webp"} {
		b := read(t, name)
		for limit, lim := range map[string]Limits{
			"bytes": {Bytes: int64(len(b)) - 1}, "width": {Width: 20}, "height": {Height: 20}, "pixels": {Pixels: 400},
		} {
			_, err := Decode(b, lim)
			var broken *LimitError
			if !errors.As(err, &broken) || broken.Name != limit || broken.Got <= broken.Limit {
				t.Errorf("%s with limit %+v: got error %v", name, lim, err)
			}
		}
	}
	_, err := Decode(read(t, "png-rgb.png"), Limits{Pixels: 1000})
	if want := "the picture has 1189 pixels, the limit is 1000"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A small file may claim a huge picture: the claim alone must be refused, by the default limits too.
func TestAHugeClaimIsRefusedByTheHeader(t *testing.T) {
	png := bytes.Clone(read(t, "png-rgb.png"))
	binary.BigEndian.PutUint32(png[16:], 40_000)
	binary.BigEndian.PutUint32(png[20:], 40_000)
	if _, err := DecodeConfig(png, Limits{}); err == nil {
		t.Error("a PNG of 1.6 gigapixels passes")
	}
	for name, c := range map[string]struct{ offset, limit int }{"jpeg-420.jpg": {0, 0}, "webp-lossy.webp": {26, 0}} {
		b := bytes.Clone(read(t, name))
		at := c.offset
		if at == 0 {
			at = bytes.Index(b, []byte{0xff, 0xc0}) + 5
		}
		copy(b[at:], []byte{0xff, 0x3f, 0xff, 0x3f})
		if _, err := DecodeConfig(b, Limits{}); err == nil {
			t.Errorf("%s of 16383 x 16383 pixels or more passes", name)
		}
	}
}

func TestAWebPCanvasMustBeItsFrame(t *testing.T) {
	b := bytes.Clone(read(t, "webp-lossy-alpha.webp"))
	at := bytes.Index(b, []byte("VP8X")) + 12
	copy(b[at:], []byte{0, 0, 0, 0, 0, 0})
	if _, err := Decode(b, Limits{}); err == nil || !strings.Contains(err.Error(), "canvas is 1 x 1") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotDecodedIsRefusedByName(t *testing.T) {
	for name, want := range map[string]string{
		"animated.webp": "animated pictures are not supported",
		"animated.gif":  "format GIF",
		"picture.bmp":   "format BMP",
		"picture.tiff":  "format TIFF",
	} {
		if _, err := Decode(read(t, name), Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                                 "empty",
		"hello":                            "not known",
		"hello, this is longer":            "not known",
		"<svg xmlns='x'/>":                 "format SVG",
		"%PDF-1.7":                         "format PDF",
		"\x00\x00\x00\x1cftypavif\x00\x00": "format AVIF",
		"\x00\x00\x00\x1cftypheic\x00\x00": "(heic)",
		"RIFF\x00\x00\x00\x00WEBP":         "holds no picture",
		"\xff\xd8\xff\xe0":                 "reading JPEG header",
		"\x89PNG\r\n\x1a\n":                "reading PNG header",
	} {
		if _, err := Decode([]byte(text), Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", text, err, want)
		}
	}
}

func TestAFileThatIsCutOffIsAnError(t *testing.T) {
	for _, name := range []string{"png-rgb.png", "jpeg-420.jpg", "jpeg-progressive.jpg", "webp-lossy.webp", "webp-lossless.webp"} {
		b := read(t, name)
		for _, keep := range []int{10, len(b) / 3, len(b) / 2} {
			if _, err := Decode(b[:keep], Limits{}); err == nil {
				t.Errorf("%s cut to %d of %d bytes decodes", name, keep, len(b))
			}
		}
	}
}

func TestOrientationIgnoresExifThatMakesNoSense(t *testing.T) {
	for name, b := range map[string]string{
		"nothing":                  "",
		"no byte order":            "XX*\x00\x08\x00\x00\x00\x00\x00",
		"a directory past the end": "II*\x00\xff\xff\xff\xff\x00\x00",
		"more entries than bytes":  "II*\x00\x08\x00\x00\x00\xff\xff\x12\x01",
		"an orientation of 9":      "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x09\x00\x00\x00",
	} {
		if got := tiffOrientation([]byte(b)); got != 1 {
			t.Errorf("%s: orientation %d, want 1", name, got)
		}
	}
	const six = "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
	if got := tiffOrientation([]byte(six)); got != 6 {
		t.Errorf("big-endian: orientation %d, want 6", got)
	}
}

// FuzzDecode looks for panics and for pictures that do not have the size that they were let in for.
func FuzzDecode(f *testing.F) {
	names, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && len(b) < 4096 {
			f.Add(b)
		}
	}
	for _, b := range corpora(f) {
		if len(b) < 4096 {
			f.Add(b)
		}
	}
	lim := Limits{Pixels: 1 << 14}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b, lim)
		if err != nil {
			return
		}
		if int64(p.W*p.H) > lim.Pixels || len(p.Pix) != 3*p.W*p.H {
			t.Fatalf("%d x %d pixels in %d bytes", p.W, p.H, len(p.Pix))
		}
	})
}

func BenchmarkDecodeJPEG(b *testing.B) {
	encoded := read(b, "jpeg-large.jpg")
	b.SetBytes(300 * 200 * 3)
	for b.Loop() {
		if _, err := Decode(encoded, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResize1080p(b *testing.B) {
	p := newRGB(1920, 1080)
	for i := range p.Pix {
		p.Pix[i] = uint8(i * 31)
	}
	for b.Loop() {
		if _, err := Resize(p, 336, 336, Bicubic); err != nil {
			b.Fatal(err)
		}
	}
}
