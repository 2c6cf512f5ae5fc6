package image

import (
	"encoding/json"
	"strings"
	"testing"
)

// towers and files are those of published models.
var published = map[string]struct {
	tower  Tower
	config string
}{
	"LlavaNextImageProcessor": {Tower{Side: 336, Patch: 14, Rows: 576, Grids: []Size{{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}}},
		`"crop_size":{"height":336,"width":336},"size":{"shortest_edge":336},"aspect_ratio_setting":"anyres"`},
	"Qwen2VLImageProcessor": {Tower{Patch: 14, Merge: 2, Frames: 2, Rows: 1},
		`"min_pixels":3136,"max_pixels":12845056,"patch_size":14,"temporal_patch_size":2,"merge_size":2`},
	"GotOcr2ImageProcessor": {Tower{Side: 448, Patch: 14, Rows: 256}, `"size":{"height":448,"width":448},"crop_to_patches":false,"max_patches":12`},
	"CLIPImageProcessor":    {Tower{Side: 336, Patch: 14, Rows: 576}, `"size":{"shortest_edge":336},"crop_size":336,"do_center_crop":true`},
}

func processorOf(t *testing.T, family, change string) (Processor, error) {
	t.Helper()
	p := published[family]
	return ParseProcessor([]byte(`{"image_processor_type":"`+family+`",`+p.config+change+`}`), p.tower)
}

func TestPicturesTakeAsManyVisualTokensAsTransformersCounts(t *testing.T) {
	var counted map[string][][3]int // height, width, tokens
	if err := json.Unmarshal(read(t, "visual-tokens.json"), &counted); err != nil || len(counted) != 3 {
		t.Fatalf("%d families, %v", len(counted), err)
	}
	for family, sizes := range counted {
		p, err := processorOf(t, family, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range sizes {
			if got, err := p.Measure(Size{c[0], c[1]}, 1); got != c[2] || err != nil {
				t.Errorf("%s: %d x %d pixels take %d tokens, %v, want %d", family, c[1], c[0], got, err, c[2])
			}
		}
		if len(sizes) < 200 {
			t.Errorf("%s: only %d sizes", family, len(sizes))
		}
	}
}

func TestFamiliesProcessorsNameWhatTheyDoNotTake(t *testing.T) {
	for _, c := range []struct{ family, change, want string }{
		{"CLIPImageProcessor", `,"do_center_crop":false`, "do_center_crop false"},
		{"CLIPImageProcessor", `,"size":{"shortest_edge":224}`, "size is 224 x 224 and crop_size 336 x 336, config.json's vision_config.image_size is 336"},
		{"LlavaNextImageProcessor", `,"image_grid_pinpoints":[[336,336]]`, "differs from config.json's"},
		{"Qwen2VLImageProcessor", `,"merge_size":4`, "merge_size is 4, config.json's vision_config says 2"},
		{"Qwen2VLImageProcessor", `,"max_pixels":100`, "min_pixels 3136 and max_pixels 100"},
		{"Qwen2VLImageProcessor", `,"max_pixels":1000000000000`, "max_pixels 1000000000000 are not supported"},
		{"Qwen2VLImageProcessor", `,"size":"large"`, "size: "},
		{"GotOcr2ImageProcessor", `,"max_patches":1000`, "max_patches 1000 are not supported, expected 1..64"},
		{"GotOcr2ImageProcessor", `,"size":{"height":384,"width":384}`, "size is 384 x 384, config.json's vision_config.image_size is 448"},
	} {
		if _, err := processorOf(t, c.family, c.change); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: %v, want %q", c.family, c.change, err, c.want)
		}
	}
}

func TestNarrowPicturesAreRefusedBeforeTheyTakeMemory(t *testing.T) {
	for family, want := range map[string]string{"CLIPImageProcessor": "the limit is 25000000", "Qwen2VLImageProcessor": "the limit is 200"} {
		p, err := processorOf(t, family, "")
		if err != nil {
			t.Fatal(err)
		}
		picture := newRGB(16000, 1)
		if _, err := p.Measure(Size{1, 16000}, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s measures: %v, want %q", family, err, want)
		}
		if _, err := p.Process(picture, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s processes: %v, want %q", family, err, want)
		}
	}
}
