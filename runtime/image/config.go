package image

import (
	"encoding/json"
	"errors"
	"fmt"
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
	Resample    *Filter         `json:"resample"`
	DoRescale   *bool           `json:"do_rescale"`
	Rescale     *float64        `json:"rescale_factor"`
	DoNormalize *bool           `json:"do_normalize"`
	Mean        []float64       `json:"image_mean"`
	Std         []float64       `json:"image_std"`
	CenterCrop  *bool           `json:"do_center_crop"`
	Pad         *bool           `json:"do_pad"`
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

var processorTypes = []string{"SiglipImageProcessor", "SiglipImageProcessorFast", "SiglipImageProcessorPil"}

// LoadProcessor reads preprocessor_config.json of a model folder.
func LoadProcessor(dir string) (*SiglipProcessor, error) {
	path := filepath.Join(dir, "preprocessor_config.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading image processor: %w", err)
	}
	p, err := parseProcessor(b)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return p, nil
}

func parseProcessor(b []byte) (*SiglipProcessor, error) {
	var c processorConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	if err := c.checkSupported(b); err != nil {
		return nil, err
	}
	p := &SiglipProcessor{
		Width: 224, Height: 224,
		Resize: valueOr(c.DoResize, true),
		Filter: valueOr(c.Resample, Bicubic),
	}
	if _, ok := kernels[p.Filter]; !ok && p.Filter != Nearest {
		return nil, fmt.Errorf("resample %d is not supported, expected 0..5", p.Filter)
	}
	if err := p.setSize(c.Size); err != nil {
		return nil, err
	}
	return p, p.setLevels(&c)
}

// checkSupported refuses other processors, steps that are not done here, and fields that nobody knows.
func (c *processorConfig) checkSupported(b []byte) error {
	name := c.Type
	if name == "" {
		name = c.OlderType
	}
	if !slices.Contains(processorTypes, name) {
		return fmt.Errorf("image_processor_type %q is not supported, expected one of %q", name, processorTypes)
	}
	switch {
	case valueOr(c.CenterCrop, false):
		return errors.New("do_center_crop true is not supported")
	case valueOr(c.Pad, false):
		return errors.New("do_pad true is not supported")
	case !valueOr(c.ConvertRGB, true):
		return errors.New("do_convert_rgb false is not supported")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	var unknown []string
	for field, value := range fields {
		if string(value) != "null" && !slices.Contains(inertFields, field) && !slices.Contains(readFields, field) {
			unknown = append(unknown, field)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("fields %q are not supported", unknown)
	}
	return nil
}

// maxSide bounds what a processor may resize to.
const maxSide = 4096

// setSize reads {"height": h, "width": w}, or one number for both.
func (p *SiglipProcessor) setSize(b json.RawMessage) error {
	if len(b) == 0 || string(b) == "null" {
		return nil
	}
	var side int
	if err := json.Unmarshal(b, &side); err == nil {
		p.Width, p.Height = side, side
	} else {
		var size map[string]int
		if err := json.Unmarshal(b, &size); err != nil {
			return fmt.Errorf("size: %w", err)
		}
		p.Width, p.Height = size["width"], size["height"]
		if len(size) != 2 {
			return fmt.Errorf("size %s is not supported, expected height and width", b)
		}
	}
	if p.Width < 1 || p.Height < 1 || p.Width > maxSide || p.Height > maxSide {
		return fmt.Errorf("size %s is not supported, expected height and width of 1..%d", b, maxSide)
	}
	return nil
}

func valueOr[T any](field *T, byDefault T) T {
	if field == nil {
		return byDefault
	}
	return *field
}
