package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// processorConfig is preprocessor_config.json. What a file leaves out has the value that transformers gives it.
type processorConfig struct {
	Type        string          `json:"image_processor_type"`
	OlderType   string          `json:"feature_extractor_type"`
	ConvertRGB  *bool           `json:"do_convert_rgb"`
	DoResize    *bool           `json:"do_resize"`
	Size        json.RawMessage `json:"size"`
	CropSize    json.RawMessage `json:"crop_size"`
	Resample    *Filter         `json:"resample"`
	DoRescale   *bool           `json:"do_rescale"`
	Rescale     *float64        `json:"rescale_factor"`
	DoNormalize *bool           `json:"do_normalize"`
	Mean        []float64       `json:"image_mean"`
	Std         []float64       `json:"image_std"`
	CenterCrop  *bool           `json:"do_center_crop"`
	Pad         *bool           `json:"do_pad"`
	Grids       *[][]int        `json:"image_grid_pinpoints"`
	MinTiles    *int            `json:"min_patches"`
	MaxTiles    *int            `json:"max_patches"`
	MinPixels   *int            `json:"min_pixels"`
	MaxPixels   *int            `json:"max_pixels"`
	PatchSize   *int            `json:"patch_size"`
	MergeSize   *int            `json:"merge_size"`
	FrameCount  *int            `json:"temporal_patch_size"`
}

// Fields that change nothing: they name classes, say how arrays are passed around, or belong to a step that is off.
var inertFields = []string{
	"processor_class", "auto_map", "_processor_class", "_valid_processor_keys", "data_format", "input_data_format",
	"return_tensors", "device", "disable_grouping", "default_to_square", "crop_size", "pad_size", "image_seq_length",
}

var readFields = []string{
	"image_processor_type", "feature_extractor_type", "do_convert_rgb", "do_resize", "size", "resample", "do_rescale",
	"rescale_factor", "do_normalize", "image_mean", "image_std", "do_center_crop", "do_pad",
}

// processorType is one kind of preprocessing and the fields that only it reads.
type processorType struct {
	make   func(*processorConfig, Tower) (Processor, error)
	fields []string
	crops  bool // reads do_center_crop
}

var (
	siglip    = processorType{make: newSiglip}
	onevision = processorType{make: newOnevision, fields: []string{"image_grid_pinpoints"}}
	clip      = processorType{make: newCLIP, crops: true}
	// The reference always cuts InternVL's pictures into tiles, whatever crop_to_patches says.
	intern    = processorType{make: newIntern, fields: []string{"min_patches", "max_patches", "crop_to_patches"}}
	qwen      = processorType{make: newQwen, fields: qwenFields}
	llavaNext = processorType{make: newLlavaNext, crops: true, fields: []string{"image_grid_pinpoints", "aspect_ratio_setting"}}
)

// processorTypes has each type under the names of its implementations; what they compute is the same.
var processorTypes = map[string]processorType{
	"SiglipImageProcessor": siglip, "SiglipImageProcessorFast": siglip, "SiglipImageProcessorPil": siglip,
	"CLIPImageProcessor": clip, "CLIPImageProcessorFast": clip, "CLIPImageProcessorPil": clip, "CLIPFeatureExtractor": clip,
	"GotOcr2ImageProcessor": intern, "GotOcr2ImageProcessorFast": intern, "GotOcr2ImageProcessorPil": intern,
	"Qwen2VLImageProcessor": qwen, "Qwen2VLImageProcessorFast": qwen, "Qwen2VLImageProcessorPil": qwen,
	"LlavaNextImageProcessor": llavaNext, "LlavaNextImageProcessorFast": llavaNext, "LlavaNextImageProcessorPil": llavaNext,
	"LlavaOnevisionImageProcessor": onevision, "LlavaOnevisionImageProcessorFast": onevision, "LlavaOnevisionImageProcessorPil": onevision,
}

// LoadProcessor reads a model folder's preprocessing: where transformers 5 wrote it, nested in processor_config.json,
// or else in preprocessor_config.json.
func LoadProcessor(dir string, t Tower) (Processor, error) {
	path, b, err := findProcessor(dir)
	if err != nil {
		return nil, fmt.Errorf("reading image processor: %w", err)
	}
	p, err := ParseProcessor(b, t)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return p, nil
}

func findProcessor(dir string) (path string, b []byte, err error) {
	path = filepath.Join(dir, "processor_config.json")
	whole, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return path, nil, err
	}
	var parts struct {
		Image json.RawMessage `json:"image_processor"`
	}
	if err == nil {
		if err := json.Unmarshal(whole, &parts); err != nil {
			return path, nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(parts.Image) > 0 {
		return path, parts.Image, nil
	}
	path = filepath.Join(dir, "preprocessor_config.json")
	b, err = os.ReadFile(path)
	return path, b, err
}

// ParseProcessor reads a preprocessor_config.json for a model with such a vision tower.
func ParseProcessor(b []byte, t Tower) (Processor, error) {
	var c processorConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	if c.Type == "" {
		c.Type = c.OlderType
	}
	kind, ok := processorTypes[c.Type]
	if !ok {
		var names []string
		for name := range processorTypes {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("image_processor_type %q is not supported, expected one of %q", c.Type, names)
	}
	if err := c.checkSupported(b, kind); err != nil {
		return nil, err
	}
	return kind.make(&c, t)
}

// checkSupported refuses steps that are not done here, and fields that nobody knows.
func (c *processorConfig) checkSupported(b []byte, kind processorType) error {
	switch {
	case valueOr(c.CenterCrop, false) && !kind.crops:
		return errors.New("do_center_crop true is not supported")
	case !valueOr(c.ConvertRGB, true):
		return errors.New("do_convert_rgb false is not supported")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	known := slices.Concat(inertFields, readFields, kind.fields)
	var unknown []string
	for field, value := range fields {
		if string(value) != "null" && !slices.Contains(known, field) {
			unknown = append(unknown, field)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("fields %q are not supported", unknown)
	}
	return nil
}

func valueOr[T any](field *T, byDefault T) T {
	if field == nil {
		return byDefault
	}
	return *field
}
