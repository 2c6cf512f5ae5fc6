package image

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestLibjpegTurboEqualsPillow runs where the library is installed.
func TestLibjpegTurboEqualsPillow(t *testing.T) {
	turbo, err := loadTurboJPEG()
	if err != nil {
		t.Skip(err)
	}
	names, err := filepath.Glob("testdata/jpeg-*.jpg")
	if err != nil || len(names) < 15 {
		t.Fatalf("%d pictures, %v", len(names), err)
	}
	for _, name := range names {
		name = filepath.Base(name)
		b := read(t, name)
		info, err := DecodeConfig(b, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := turbo.rgb(b, info)
		if strings.Contains(name, "cmyk") {
			if err == nil {
				t.Errorf("%s: colours that Pillow converts itself are decoded", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if largest, mean := compare(t, name, got, readRGB(t, name+".rgb.png")); largest != 0 {
			t.Errorf("%s: off by %d at most, %.3f in the mean", name, largest, mean)
		}
		if _, err := turbo.rgb(b[:len(b)/2], info); err == nil {
			t.Errorf("%s cut in half decodes", name)
		}
		if _, err := turbo.rgb(b, Info{JPEG, info.Width + 1, info.Height}); err == nil {
			t.Errorf("%s decodes into a picture of another size", name)
		}
	}
}
