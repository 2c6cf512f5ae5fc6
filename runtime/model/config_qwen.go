package model

import (
	"slices"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// qwenVisionDocument are the fields of vision_config that only Qwen's towers have.
type qwenVisionDocument struct {
	Depth      *int     `json:"depth"`
	EmbedDim   *int     `json:"embed_dim"`
	NumHeads   *int     `json:"num_heads"`
	MLPRatio   *float64 `json:"mlp_ratio"`
	InChannels *int     `json:"in_channels"`
	InChans    *int     `json:"in_chans"` // in published files; the reference never reads it
	Merge      *int     `json:"spatial_merge_size"`
	Frames     *int     `json:"temporal_patch_size"`
	OutHidden  *int     `json:"out_hidden_size"`
	Window     *int     `json:"window_size"`
	FullBlocks integers `json:"fullatt_block_indexes"`
}

// qwenSettings is a tower of Qwen2-VL or Qwen2.5-VL.
type qwenSettings struct {
	hidden, intermediate, layers, heads int
	channels, side, frames, merge       int // patches of side x side pixels in so many equal frames; merge x merge of them become one row
	out                                 int // width of a row
	act                                 backend.Activation
	gated                               bool // Qwen2.5-VL: RMS norms and a gated MLP, with biases
	window                              int  // visual tokens along a window's side; 0: all layers see the whole picture
	whole                               []int
	rope                                rotation
}

const qwenEps = 1e-6 // of the tower's norms, in no file

func (s *qwenSettings) shape() backend.Heads {
	return backend.Heads{Query: s.heads, KV: s.heads, Dim: s.hidden / s.heads}
}

// seeQwen2 fills in the defaults of Qwen2VLVisionConfig.
func seeQwen2(d *document, f *findings) sightSettings {
	v := &d.Vision
	ratio := value(v.MLPRatio, 4)
	s := &qwenSettings{hidden: value(v.EmbedDim, 1280), out: value(v.Hidden, 3584), act: backend.QuickGELU}
	f.betweenFloats("vision_config.mlp_ratio", ratio, 1e-3, 1e3)
	s.intermediate = int(float64(s.hidden) * ratio)
	act := value(v.Act, "quick_gelu")
	f.oneOf("vision_config.hidden_act", act, activationNames...)
	s.act = activations[act]
	s.check(d, f)
	return s
}

// seeQwen25 fills in the defaults of Qwen2_5_VLVisionConfig.
func seeQwen25(d *document, f *findings) sightSettings {
	const at = "vision_config."
	v := &d.Vision
	s := &qwenSettings{hidden: value(v.Hidden, 3584), out: value(v.OutHidden, 3584), intermediate: value(v.Intermediate, 3420), gated: true, whole: v.FullBlocks}
	f.oneOf(at+"hidden_act", value(v.Act, "silu"), "silu")
	s.check(d, f)
	if s.whole == nil {
		s.whole = []int{7, 15, 23, 31}
	}
	pixels, unit := value(v.Window, 112), s.side*s.merge
	f.between(at+"window_size", pixels, unit, maxImageSize)
	if unit > 0 {
		s.window = pixels / unit
	}
	return s
}

func (s *qwenSettings) check(d *document, f *findings) {
	const at = "vision_config."
	v := &d.Vision
	f.absent(at+"quantization_config", v.Quantization)
	s.layers, s.heads = value(v.Depth, 32), value(v.NumHeads, 16)
	s.channels, s.side = value(v.InChannels, value(v.InChans, 3)), f.side(at+"patch_size", v.Patch, 14)
	s.frames, s.merge, s.rope = value(v.Frames, 2), value(v.Merge, 2), rotation{theta: 10000, scaling: "default"}
	f.between(at+"depth", s.layers, 1, maxLayers)
	f.between(at+"hidden width", s.hidden, 1, maxHidden)
	f.between(at+"intermediate width", s.intermediate, 1, maxIntermediate)
	f.between(at+"num_heads", s.heads, 1, maxHeads)
	f.divides(at+"hidden width", s.hidden, "num_heads", s.heads)
	if s.heads > 0 {
		f.divides(at+"head width", s.hidden/s.heads, "the pairs of two axes", 4)
	}
	f.between(at+"in_channels", s.channels, 3, 3)
	f.between(at+"patch_size", s.side, 1, maxPatch)
	f.between(at+"temporal_patch_size", s.frames, 1, 16)
	f.between(at+"spatial_merge_size", s.merge, 1, 16)
	if text := value(d.Text.Hidden, textKinds[d.Text.ModelType].hidden); s.out != text {
		f.add("%swidth of a visual token: %d differs from text_config.hidden_size %d", at, s.out, text)
	}
}

func (s *qwenSettings) tower() image.Tower {
	return image.Tower{Patch: s.side, Merge: s.merge, Frames: s.frames, Rows: 1}
}

func (s *qwenSettings) sizes() VisionSizes {
	return VisionSizes{Hidden: s.hidden, Intermediate: s.intermediate, Layers: s.layers, Patches: s.merge * s.merge, PatchValues: s.frames * s.channels * s.side * s.side, Features: 1}
}

func (s *qwenSettings) patch() (side, channels int) { return s.side, s.channels }

// seesWhole reports whether a layer's rows see all of their picture.
func (s *qwenSettings) seesWhole(layer int) bool {
	return s.window == 0 || slices.Contains(s.whole, layer)
}

// completeQwen reads the decoder's fields where published files have them: beside vision_config.
func completeQwen(textModel string, image int) func(d *document) {
	return func(d *document) {
		if d.flat != nil {
			d.Text = *d.flat
		}
		if d.Text.ModelType == "" || d.Text.ModelType == d.ModelType {
			d.Text.ModelType = textModel
		}
		token := value(d.ImageTokenIndex, value(d.ImageTokenID, image))
		d.ImageTokenIndex = &token
	}
}
