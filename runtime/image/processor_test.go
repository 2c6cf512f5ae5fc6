package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnsupportedProcessorsAreRefusedByName(t *testing.T) {
	const siglip = `{"image_processor_type":"SiglipImageProcessor",`
	for config, want := range map[string]string{
		`{"image_processor_type":"ViTImageProcessor"}`: `image_processor_type "ViTImageProcessor" is not supported`,
		`{}`:                                      `image_processor_type "" is not supported`,
		siglip + `"do_center_crop":true}`:         "do_center_crop true",
		siglip + `"do_pad":true}`:                 "do_pad true",
		siglip + `"do_convert_rgb":false}`:        "do_convert_rgb false",
		siglip + `"do_tile":true,"b_new":1}`:      `fields ["b_new" "do_tile"] are not supported`,
		siglip + `"resample":9}`:                  "resample 9",
		siglip + `"size":{"shortest_edge":224}}`:  "expected height and width",
		siglip + `"size":{"height":0,"width":5}}`: "expected height and width of 1..4096",
		siglip + `"size":99999}`:                  "expected height and width of 1..4096",
		siglip + `"size":"big"}`:                  "size",
		siglip + `"image_mean":[0.5]}`:            "image_mean has 1 and image_std 3 values",
		siglip + `"image_std":[1,0,1]}`:           "image_std[1] is 0",
		`{"image_processor_type":5}`:              "image_processor_type",
	} {
		if _, err := ParseProcessor([]byte(config), Tower{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", config, err, want)
		}
	}
}

func TestLoadProcessorTakesTransformersDefaults(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadProcessor(dir, Tower{Rows: 7}); err == nil || !strings.Contains(err.Error(), "preprocessor_config.json") {
		t.Errorf("an empty folder: %v", err)
	}
	const config = `{"feature_extractor_type":"SiglipImageProcessorFast","do_center_crop":null,"crop_size":null,"data_format":"channels_first"}`
	if err := os.WriteFile(filepath.Join(dir, "preprocessor_config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadProcessor(dir, Tower{Rows: 7})
	if err != nil {
		t.Fatal(err)
	}
	p := loaded.(*SiglipProcessor)
	if n, err := p.Measure(Size{5, 9}, 3); n != 7 || err != nil {
		t.Errorf("a picture takes %d tokens, %v, the tower gives 7 rows", n, err)
	}
	if p.Width != 224 || p.Height != 224 || !p.Resize || p.Filter != Bicubic || p.levels[0][0] != -1 || p.levels[2][255] != 1 {
		t.Errorf("got %d x %d, resize %t with filter %d, levels %g to %g", p.Width, p.Height, p.Resize, p.Filter, p.levels[0][0], p.levels[2][255])
	}
}

func TestAProcessorThatDoesNotResizeNamesTheSize(t *testing.T) {
	p, err := ParseProcessor([]byte(`{"image_processor_type":"SiglipImageProcessor","do_resize":false,"size":20}`), Tower{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Process(newRGB(20, 21), 1); err == nil || !strings.Contains(err.Error(), "20 x 21 pixels, the model takes 20 x 20") {
		t.Errorf("got %v", err)
	}
}

func TestTheTinyModelsPhotosDecodeAsPillowDecodesThem(t *testing.T) {
	names, err := filepath.Glob("../../models/aircache-tiny-goldens/pictures/*.jpg")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d pictures, %v", len(names), err)
	}
	for _, name := range names {
		var pictures [2]*RGB
		for i, file := range []string{name, strings.TrimSuffix(name, ".jpg") + ".decoded.png"} {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if pictures[i], err = Decode(b, Limits{}); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		if largest, mean := compare(t, name, pictures[0], pictures[1]); largest > 3 || mean > 0.1 {
			t.Errorf("%s: off by %d at most, %.3f in the mean", name, largest, mean)
		}
	}
}
