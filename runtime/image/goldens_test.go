package image

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files of testdata are written by hack/imagegoldens.py: pictures, and what Pillow and transformers make of them.

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readRGB reads an expected picture, which is always a PNG of 8 bit RGB.
func readRGB(t testing.TB, name string) *RGB {
	t.Helper()
	p, err := decodePNG(read(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// compare answers the largest and the mean difference of two pictures.
func compare(t *testing.T, name string, got, want *RGB) (largest int, mean float64) {
	t.Helper()
	if got.W != want.W || got.H != want.H {
		t.Fatalf("%s: %d x %d pixels, want %d x %d", name, got.W, got.H, want.W, want.H)
	}
	for i := range got.Pix {
		d := int(got.Pix[i]) - int(want.Pix[i])
		largest = max(largest, d, -d)
		mean += math.Abs(float64(d)) / float64(len(got.Pix))
	}
	return largest, mean
}

func TestDecodeEqualsPillow(t *testing.T) {
	names, err := filepath.Glob("testdata/*.rgb.png")
	if err != nil || len(names) < 50 {
		t.Fatalf("%d goldens, %v", len(names), err)
	}
	for _, name := range names {
		name = strings.TrimSuffix(filepath.Base(name), ".rgb.png")
		got, err := decodeInGo(read(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		largest, mean := compare(t, name, got, readRGB(t, name+".rgb.png"))
		if allowed := allowedDifference(name); largest > allowed {
			t.Errorf("%s: off by %d at most, %.3f in the mean, allowed are %d", name, largest, mean, allowed)
		} else if largest > 0 {
			t.Logf("%s: off by %d at most, %.3f in the mean", name, largest, mean)
		}
	}
}

// decodeInGo is Decode without the library that a machine may have.
func decodeInGo(b []byte) (*RGB, error) {
	info, err := DecodeConfig(b, Limits{})
	if err != nil || info.Format != JPEG {
		return Decode(b, Limits{})
	}
	p, err := decodeJPEGInGo(b)
	if err != nil {
		return nil, err
	}
	return upright(p, orientation(b, JPEG)), nil
}

// allowedDifference is 0 where the format defines every bit; JPEG leaves the rounding of the cosine transform open.
func allowedDifference(name string) int {
	if strings.HasSuffix(name, ".jpg") {
		return 3
	}
	return 0
}

func TestResizeEqualsPillow(t *testing.T) {
	var cases []struct {
		Filter        Filter
		Width, Height int
		File          string
	}
	if err := json.Unmarshal(read(t, "resizes.json"), &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 40 {
		t.Fatalf("only %d cases", len(cases))
	}
	source := readRGB(t, "resize-source.png")
	for _, c := range cases {
		got, err := Resize(source, c.Width, c.Height, c.Filter)
		if err != nil {
			t.Fatalf("%s: %v", c.File, err)
		}
		if largest, mean := compare(t, c.File, got, readRGB(t, c.File)); largest != 0 {
			t.Errorf("%s: off by %d at most, %.3f in the mean", c.File, largest, mean)
		}
	}
}

// Go's decoder rounds some values by one the other way; a filter that overshoots makes more of it at sharp edges.
func TestAPhotoDecodedInGoAndMadeSmallerStaysNearPillows(t *testing.T) {
	const name = "jpeg-large.jpg"
	photo, err := decodeInGo(read(t, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []int{28, 112, 196} {
		got, err := Resize(photo, side, side, Bicubic)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Resize(readRGB(t, name+".rgb.png"), side, side, Bicubic)
		if err != nil {
			t.Fatal(err)
		}
		if largest, mean := compare(t, name, got, want); largest > 4 || mean > 0.1 {
			t.Errorf("at %d x %d: off by %d at most, %.3f in the mean", side, side, largest, mean)
		}
	}
}

func TestPixelsEqualTransformers(t *testing.T) {
	var cases []struct {
		Name   string
		Config json.RawMessage
		Shape  []int
		Offset int
	}
	if err := json.Unmarshal(read(t, "processors.json"), &cases); err != nil {
		t.Fatal(err)
	}
	raw := read(t, "processors.f32")
	all := make([]float32, len(raw)/4)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, all); err != nil {
		t.Fatal(err)
	}
	source := readRGB(t, "resize-source.png")
	for _, c := range cases {
		p, err := ParseProcessor(c.Config, Tower{})
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		got, err := p.Process(source, 1)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if got.C != c.Shape[0] || got.H != c.Shape[1] || got.W != c.Shape[2] {
			t.Fatalf("%s: shape %d x %d x %d, want %v", c.Name, got.C, got.H, got.W, c.Shape)
		}
		largest := 0.0
		for i, v := range got.Tile(0).Data {
			largest = max(largest, math.Abs(float64(v-all[c.Offset+i])))
		}
		if largest > 1e-6 {
			t.Errorf("%s: off by %g", c.Name, largest)
		}
	}
}
