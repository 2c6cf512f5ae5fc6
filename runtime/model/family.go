package model

import (
	"fmt"
	"maps"
	"slices"

	"aircache.dev/aircache/runtime/image"
)

// architecture is the plain family: one tile a picture, its rows as they come.
const architecture = "LlavaForConditionalGeneration"

// family is what one architecture does differently from the others over the same graph.
type family struct {
	architecture string
	complete     func(*document)                          // fills in the defaults of the family's config class that are its own; may be nil
	sight        func(*document, *findings) sightSettings // reads a tower that is not LLaVA's; nil: it is
	anyres       anyres                                   // pictures in tiles of a grid: see anyres.go; nil: one tile each
}

// families has every architecture that can be loaded, by its name in config.json's architectures.
var families = func() map[string]family {
	all := map[string]family{}
	for _, f := range []family{
		{architecture: architecture},
		{architecture: "LlavaOnevisionForConditionalGeneration", complete: completeOnevision, anyres: onevisionGrids},
		{architecture: "LlavaNextForConditionalGeneration", complete: completeNext, anyres: nextGrids},
		{architecture: "InternVLForConditionalGeneration", complete: completeIntern, sight: seeIntern},
		{architecture: "Qwen2VLForConditionalGeneration", complete: completeQwen("qwen2_vl_text", 151655), sight: seeQwen2},
		{architecture: "Qwen2_5_VLForConditionalGeneration", complete: completeQwen("qwen2_5_vl_text", 151655), sight: seeQwen25},
		{architecture: "Qwen3VLForConditionalGeneration", complete: completeQwen("qwen3_vl_text", 151655), sight: seeQwen3},
	} {
		all[f.architecture] = f
	}
	return all
}()

func familyOf(architectures []string) (family, error) {
	if len(architectures) == 1 {
		if f, ok := families[architectures[0]]; ok {
			return f, nil
		}
	}
	return family{}, fmt.Errorf("architectures: %q is not supported, one of %q is", architectures, slices.Sorted(maps.Keys(families)))
}

// completeNext fills in LlavaNextConfig's defaults; the others are LlavaConfig's.
func completeNext(d *document) {
	if d.Grids == nil {
		d.Grids = image.NextGrids
	}
}

// completeOnevision fills in LlavaOnevisionConfig's defaults.
func completeOnevision(d *document) {
	for field, name := range map[*string]string{&d.Vision.ModelType: "siglip_vision_model", &d.Text.ModelType: "qwen2"} {
		if *field == "" {
			*field = name
		}
	}
	if d.ImageTokenIndex == nil {
		token := value(d.ImageTokenID, 151646)
		d.ImageTokenIndex = &token
	}
	if len(d.FeatureLayer) == 0 {
		d.FeatureLayer = integers{-1}
	}
	if d.SelectStrategy == nil {
		full := "full"
		d.SelectStrategy = &full
	}
}
