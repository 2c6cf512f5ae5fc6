package model

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/image"
)

// onevision is a small LLaVA-OneVision folder; what its pictures become is held against transformers in runtime/parity.
const onevision = "../parity/testdata/llava-onevision/model"

func TestRowsAreScaledFromTheMiddlesOfEqualParts(t *testing.T) {
	for _, c := range []struct {
		n, m int
		want []between
	}{
		{4, 2, []between{{0, 1, .5}, {2, 3, .5}}},
		{5, 3, []between{{0, 1, 1. / 3}, {2, 3, 0}, {3, 4, 2. / 3}}},
		{3, 3, []between{{0, 1, 0}, {1, 2, 0}, {2, 2, 0}}},
		{1, 1, []between{{0, 0, 0}}},
	} {
		got := betweens(c.n, c.m)
		for i, w := range c.want {
			if got[i].first != w.first || got[i].second != w.second || math.Abs(float64(got[i].share-w.share)) > 1e-6 {
				t.Errorf("place %d of %d in %d is %+v, want %+v", i, c.m, c.n, got[i], w)
			}
		}
	}
}

func TestPatchesAreFoundInTheirTiles(t *testing.T) {
	l := &image.Layout{Side: 3, Grid: image.Size{Height: 2, Width: 2}, Top: 2, Left: 1, Crop: image.Size{Height: 2, Width: 3}}
	// Row 0 is the newline, 1 to 9 the base tile; the four tiles start at 10, 19, 28 and 37.
	want := []int32{17, 18, 25, 0, 29, 30, 37, 0}
	got := croppedRows(l)
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestScaledRowsAreWholeAndLieInTheTiles(t *testing.T) {
	for _, l := range []*image.Layout{
		{Side: 4, Grid: image.Size{Height: 4, Width: 4}, Crop: image.Size{Height: 16, Width: 16}, Scaled: image.Size{Height: 12, Width: 12}},
		{Side: 27, Grid: image.Size{Height: 3, Width: 5}, Top: 3, Crop: image.Size{Height: 75, Width: 135}, Scaled: image.Size{Height: 60, Width: 108}},
	} {
		rows, shares := scaledRows(l)
		if want := blendTaps * l.Scaled.Height * (l.Scaled.Width + 1); len(rows) != want || len(shares) != want {
			t.Fatalf("%d rows, %d shares, %d wanted", len(rows), len(shares), want)
		}
		for i := 0; i < len(rows); i += blendTaps {
			sum := float32(0)
			for t := i; t < i+blendTaps; t++ {
				sum += shares[t]
			}
			if math.Abs(float64(sum-1)) > 1e-6 || rows[i] < 0 || int(rows[i+3]) > l.Tiles()*l.Side*l.Side {
				t.Fatalf("row %d is made of %v in shares of %v", i/blendTaps, rows[i:i+blendTaps], shares[i:i+blendTaps])
			}
			if newline := i/blendTaps%(l.Scaled.Width+1) == l.Scaled.Width; newline != (rows[i] == 0) {
				t.Fatalf("row %d starts at %d", i/blendTaps, rows[i])
			}
		}
	}
}

func TestPicturesThatDoNotFitTheFamilyAreRefused(t *testing.T) {
	m := open(t, onevision)
	data := make([]float32, 2*3*30*30)
	one := image.Size{Height: 1, Width: 1}
	for want, px := range map[string]image.Pixels{
		"has no layout":                                      {C: 3, H: 30, W: 30, Data: data},
		"tiles of 3 x 3 patches, 4 x 4 wanted":               {C: 3, H: 30, W: 30, Data: data, Layout: &image.Layout{Side: 3, Grid: one}},
		"has 2 tiles, its layout 5":                          {C: 3, H: 30, W: 30, Data: data, Layout: &image.Layout{Side: 4, Grid: image.Size{Height: 2, Width: 2}}},
		"patches outside of its grid":                        {C: 3, H: 30, W: 30, Data: data, Layout: &image.Layout{Side: 4, Grid: one, Left: 1, Crop: image.Size{Height: 4, Width: 4}}},
		"has 5399 values, 2700 wanted for each tile":         {C: 3, H: 30, W: 30, Data: data[1:]},
		"3 x 60 x 30 (channels, height, width), 3 x 30 x 30": {C: 3, H: 60, W: 30, Data: data},
	} {
		if _, err := m.EncodeImages([]image.Pixels{px}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	dir, _ := small.write(t)
	plain := open(t, dir)
	px := image.Pixels{C: 3, H: 10, W: 10, Data: make([]float32, 600)}
	if _, err := plain.EncodeImages([]image.Pixels{px}); err == nil || !strings.Contains(err.Error(), "2 tiles, 1 without a layout wanted") {
		t.Errorf("got %v", err)
	}
}

// changed is the config.json of the small LLaVA-OneVision with something else in it.
func changed(t *testing.T, changes ...func(map[string]any)) string {
	t.Helper()
	var config map[string]any
	if err := readJSON(filepath.Join(onevision, "config.json"), &config); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(config)
	}
	dir := t.TempDir()
	writeJSON(t, filepath.Join(dir, "config.json"), config)
	return dir
}

func TestUnsupportedOnevisionConfigurationsAreRefusedByName(t *testing.T) {
	for want, change := range map[string]func(map[string]any){
		`vision_aspect_ratio: "pad" is not supported`:                top("vision_aspect_ratio", "pad"),
		`vision_aspect_ratio: "anyres_max_x" is not supported`:       top("vision_aspect_ratio", "anyres_max_x"),
		"vision_aspect_ratio: 0 is outside 1..1024":                  top("vision_aspect_ratio", "anyres_max_0"),
		`vision_feature_select_strategy: "default" is not supported`: top("vision_feature_select_strategy", "default"),
		"image_grid_pinpoints: [30 31] is not supported":             top("image_grid_pinpoints", [][]int{{30, 31}}),
		"image_grid_pinpoints: [384 384] is not supported":           top("image_grid_pinpoints", nil),
		`text_config.model_type: "gpt2" is not supported`:            text("model_type", "gpt2"),
		`vision_config.model_type: "pixtral" is not supported`:       vision("model_type", "pixtral"),
		"quantization_config is not supported":                       top("quantization_config", map[string]int{"bits": 4}),
	} {
		if _, err := ReadTower(changed(t, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestWhatAOnevisionConfigurationLeavesOutHasTransformersDefaults(t *testing.T) {
	dir := changed(t, vision("image_size", 384), vision("patch_size", 14), func(c map[string]any) {
		for _, field := range []string{"image_grid_pinpoints", "vision_aspect_ratio", "vision_feature_select_strategy", "vision_feature_layer", "image_token_index", "projector_hidden_act"} {
			delete(c, field)
		}
		delete(c["vision_config"].(map[string]any), "model_type")
		delete(c["text_config"].(map[string]any), "model_type")
	})
	s, err := readSettings(dir)
	if err != nil {
		t.Fatal(err)
	}
	tower := s.tower()
	if tower.Rows != 729 || tower.MaxTiles != 9 || len(tower.Grids) != 36 || tower.Grids[7] != (image.Size{Height: 768, Width: 768}) {
		t.Errorf("the tower is %+v", tower)
	}
	if s.imageToken != 151646 || s.projector.features[0] != 2 || s.projector.dropCLS {
		t.Errorf("image token %d, features %v", s.imageToken, s.projector.features)
	}
}
