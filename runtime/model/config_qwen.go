package model

import (
	"math"
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
	Places     *int     `json:"num_position_embeddings"`
	Deepstack  integers `json:"deepstack_visual_indexes"`
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
	names                               qwenNames

	places int   // Qwen3-VL: learned places along a side of a square that is stretched over each picture; 0: none
	deep   []int // and layers whose rows are merged too, for the decoder's first layers
}

// qwenNames are what tensors are called differently.
type qwenNames struct{ fc1, fc2, mergerNorm, merger1, merger2 string }

var (
	qwen2Names = qwenNames{"mlp.fc1.", "mlp.fc2.", "ln_q.", "mlp.0.", "mlp.2."}
	qwen3Names = qwenNames{"mlp.linear_fc1.", "mlp.linear_fc2.", "norm.", "linear_fc1.", "linear_fc2."}
)

const qwenEps = 1e-6 // of the tower's norms, in no file

func (s *qwenSettings) shape() backend.Heads {
	return backend.Heads{Query: s.heads, KV: s.heads, Dim: s.hidden / s.heads}
}

// seeQwen2 fills in the defaults of Qwen2VLVisionConfig.
func seeQwen2(d *document, f *findings) sightSettings {
	v := &d.Vision
	ratio := value(v.MLPRatio, 4)
	s := &qwenSettings{hidden: value(v.EmbedDim, 1280), out: value(v.Hidden, 3584), names: qwen2Names}
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
	s := &qwenSettings{hidden: value(v.Hidden, 3584), out: value(v.OutHidden, 3584), intermediate: value(v.Intermediate, 3420), gated: true, whole: v.FullBlocks, names: qwen2Names}
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

// seeQwen3 fills in the defaults of Qwen3VLVisionConfig.
func seeQwen3(d *document, f *findings) sightSettings {
	const at = "vision_config."
	v := &d.Vision
	if v.Depth == nil {
		v.Depth = new(int)
		*v.Depth = 27
	}
	if len(v.Patch) == 0 {
		v.Patch = integers{16}
	}
	s := &qwenSettings{hidden: value(v.Hidden, 1152), out: value(v.OutHidden, 3584), intermediate: value(v.Intermediate, 4304), names: qwen3Names, deep: v.Deepstack}
	if s.deep == nil {
		s.deep = []int{8, 16, 24}
	}
	act := value(v.Act, "gelu_pytorch_tanh")
	f.oneOf(at+"hidden_act", act, activationNames...)
	s.act = activations[act]
	s.check(d, f)
	places := value(v.Places, 2304)
	f.between(at+"num_position_embeddings", places, 1, maxImageSize*maxImageSize)
	s.places = int(math.Sqrt(float64(places)))
	if s.places*s.places != places {
		f.add("%snum_position_embeddings: %d is no square", at, places)
	}
	for i, layer := range s.deep {
		f.between(at+"deepstack_visual_indexes", layer, 0, s.layers-1)
		if slices.Index(s.deep, layer) != i {
			f.add("%sdeepstack_visual_indexes: layer %d is there twice", at, layer)
		}
	}
	f.between("layers of vision_config.deepstack_visual_indexes", len(s.deep), 0, value(d.Text.Layers, textKinds[d.Text.ModelType].layers))
	return s
}

func (s *qwenSettings) depth() int { return len(s.deep) }

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
