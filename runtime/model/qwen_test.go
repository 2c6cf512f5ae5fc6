package model

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/image"
)

// A grid of 5 x 3 visual tokens of one patch each, in windows of 2 x 2: one is whole per line pair, others are cut off.
func TestPatchesOfEqualWindowsStandTogether(t *testing.T) {
	a := arrange(image.Size{Height: 3, Width: 5}, 1, 2)
	want := arrangement{
		patches: []int32{0, 1, 5, 6, 2, 3, 7, 8, 4, 9, 10, 11, 12, 13, 14},
		spans:   []span{{0, 8, 2}, {8, 14, 3}, {14, 15, 1}},
		tokens:  []int32{0, 1, 4, 5, 8, 2, 3, 6, 7, 9, 10, 11, 12, 13, 14},
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got %+v, want %+v", a, want)
	}
}

func TestPatchesOfOneVisualTokenStandTogether(t *testing.T) {
	a := arrange(image.Size{Height: 1, Width: 2}, 2, 0)
	if want := []int32{0, 1, 4, 5, 2, 3, 6, 7}; !slices.Equal(a.patches, want) || len(a.spans) != 1 {
		t.Errorf("the patches are %v in %v, want %v in one", a.patches, a.spans, want)
	}
}

func TestEveryPatchIsArrangedOnce(t *testing.T) {
	for _, window := range []int{0, 1, 3, 4} {
		for h := 1; h < 10; h++ {
			for w := 1; w < 10; w++ {
				a := arrange(image.Size{Height: h, Width: w}, 2, window)
				slices.Sort(a.patches)
				slices.Sort(a.tokens)
				if !slices.Equal(a.patches, upwards(0, 4*h*w)) || !slices.Equal(a.tokens, upwards(0, h*w)) {
					t.Fatalf("%d x %d in windows of %d: %+v", h, w, window, a)
				}
				at := 0
				for _, s := range a.spans {
					if s.from != at || (s.to-s.from)%s.windows != 0 {
						t.Fatalf("%d x %d in windows of %d: spans %v", h, w, window, a.spans)
					}
					at = s.to
				}
			}
		}
	}
}

func TestAxesOfPairsTakeTurns(t *testing.T) {
	r := rotation{sections: []int{4, 2, 2}, interleaved: true}
	if got, want := r.axisOf(), []uint8{0, 1, 2, 0, 1, 2, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("the pairs follow %v, want %v", got, want)
	}
	r.interleaved = false
	if got, want := r.axisOf(), []uint8{0, 0, 0, 0, 1, 1, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("in runs the pairs follow %v, want %v", got, want)
	}
}

// 4 x 4 places over a line of 3 patches: corners on corners, the one in the middle halfway between.
func TestPlacesAreStretchedFromCornerToCorner(t *testing.T) {
	rows, shares := stretched([]int32{0, 1, 2}, image.Size{Height: 1, Width: 3}, 4)
	if want := []int32{0, 1, 4, 5, 1, 2, 5, 6, 3, 3, 7, 7}; !slices.Equal(rows, want) {
		t.Errorf("places %v, want %v", rows, want)
	}
	if want := []float32{1, 0, 0, 0, .5, .5, 0, 0, 1, 0, 0, 0}; !slices.Equal(shares, want) {
		t.Errorf("shares %v, want %v", shares, want)
	}
}

func TestPositionsFollowPictures(t *testing.T) {
	got := follow(8, []int32{1, 2, 3, 4, 6}, []image.Size{{Height: 2, Width: 2}, {Height: 1, Width: 1}}, 10)
	want := [axes][]int32{{10, 11, 11, 11, 11, 13, 14, 15}, {10, 11, 11, 12, 12, 13, 14, 15}, {10, 11, 12, 11, 12, 13, 14, 15}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAPictureSpansItsLongerSide(t *testing.T) {
	c := Config{MRoPE: true, Tower: image.Tower{Patch: 14, Merge: 2}}
	px := []image.Pixels{{C: 3, H: 28 * 20, W: 28 * 30}}
	if got := c.Span(make([]int32, 610), px); got != 40 {
		t.Errorf("600 visual and 10 text rows span %d positions, want 40", got)
	}
	c.MRoPE = false
	if got := c.Span(make([]int32, 610), px); got != 610 {
		t.Errorf("without M-RoPE 610 rows span %d positions", got)
	}
}

func TestUnsupportedQwenConfigurationsAreRefusedByName(t *testing.T) {
	refuse(t, "qwen3-vl", map[string]func(map[string]any){
		"vision_config.num_position_embeddings: 50 is no square":              vision("num_position_embeddings", 50),
		"vision_config.deepstack_visual_indexes: 4 is outside 0..3":           vision("deepstack_visual_indexes", []int{4}),
		"vision_config.deepstack_visual_indexes: layer 1 is there twice":      vision("deepstack_visual_indexes", []int{1, 1}),
		"layers of vision_config.deepstack_visual_indexes: 2 is outside 0..1": text("num_hidden_layers", 1),
		"text_config.model_type: \"qwen3_vl_moe_text\" is not supported":      text("model_type", "qwen3_vl_moe_text"),
		"mrope_section: [4 2 1] are not the 8 pairs of a head on 3 axes":      text("rope_scaling", map[string]any{"mrope_section": []int{4, 2, 1}}),
	})
	refuse(t, "qwen2.5-vl", map[string]func(map[string]any){
		"vision_config.spatial_merge_size: 0 is outside 1..16":                     vision("spatial_merge_size", 0),
		"vision_config.in_channels: 1 is outside 3..3":                             vision("in_chans", 1),
		"vision_config.width of a visual token: 47 differs":                        vision("out_hidden_size", 47),
		`vision_config.hidden_act: "relu" is not supported`:                        vision("hidden_act", "relu"),
		"vision_config.window_size: 3 is outside 12..8192":                         vision("window_size", 3),
		"mrope_section: [1 2 2] are not the 6 pairs of a head on 3 axes":           top("rope_scaling", map[string]any{"type": "mrope", "mrope_section": []int{1, 2, 2}}),
		"mrope_section: [] are not the 6 pairs":                                    top("rope_scaling", nil),
		`text_config.rope_scaling.rope_type: "yarn" is not supported`:              top("rope_scaling", map[string]any{"type": "yarn", "mrope_section": []int{2, 2, 2}}),
		"text_config.use_sliding_window: true is not supported":                    top("use_sliding_window", true),
		"vision_config.head width: 6 is not a multiple of the pairs of two axes 4": vision("hidden_size", 12),
		"vision_config.quantization_config is not supported":                       vision("quantization_config", map[string]any{"bits": 4}),
	})
}

// refuse changes the small model's configuration.
func refuse(t *testing.T, family string, changes map[string]func(map[string]any)) {
	t.Helper()
	for want, change := range changes {
		dir, config := t.TempDir(), map[string]any{}
		if err := readJSON("../parity/testdata/"+family+"/model/config.json", &config); err != nil {
			t.Fatal(err)
		}
		change(config)
		writeJSON(t, filepath.Join(dir, "config.json"), config)
		if _, err := ReadTower(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
