package model

import (
	"encoding/json"
	"maps"
	"slices"

	"aircache.dev/aircache/runtime/backend"
)

// visionSettings is a SigLIP or CLIP tower.
type visionSettings struct {
	hidden, intermediate, layers, heads int
	channels, image, patch              int
	act                                 backend.Activation
	eps                                 float32
	class                               bool // a class token stands before the patches, and a norm before the layers
}

// patches of one picture.
func (v *visionSettings) patches() int { return (v.image / v.patch) * (v.image / v.patch) }

// rows that the tower makes of one picture.
func (v *visionSettings) rows() int {
	if v.class {
		return 1 + v.patches()
	}
	return v.patches()
}

func (v *visionSettings) shape() backend.Heads {
	return backend.Heads{Query: v.heads, KV: v.heads, Dim: v.hidden / v.heads}
}

type visionDocument struct {
	ModelType    string          `json:"model_type"`
	Quantization json.RawMessage `json:"quantization_config"`
	Hidden       *int            `json:"hidden_size"`
	Intermediate *int            `json:"intermediate_size"`
	Layers       *int            `json:"num_hidden_layers"`
	Heads        *int            `json:"num_attention_heads"`
	Channels     *int            `json:"num_channels"`
	Image        integers        `json:"image_size"` // one side, or both
	Patch        integers        `json:"patch_size"`
	Act          *string         `json:"hidden_act"`
	Eps          *float64        `json:"layer_norm_eps"`

	qwenVisionDocument
	internDocument
}

var activations = map[string]backend.Activation{"gelu": backend.GELU, "gelu_pytorch_tanh": backend.GELUTanh, "gelu_new": backend.GELUTanh,
	"quick_gelu": backend.QuickGELU}

var activationNames = slices.Sorted(maps.Keys(activations))

// visionKind is one tower's model_type: the defaults of its configuration class.
type visionKind struct {
	hidden, intermediate, layers, heads int

	patch int
	image int
	act   string
	eps   float64
	class bool
}

var visionKinds = map[string]visionKind{
	"siglip_vision_model": {768, 3072, 12, 12, 16, 224, "gelu_pytorch_tanh", 1e-6, false},
	"clip_vision_model":   {768, 3072, 12, 12, 32, 224, "quick_gelu", 1e-5, true},
	"internvl_vision":     {1024, 4096, 24, 16, 14, 448, "gelu", 1e-6, true},
}

// check fills in the defaults of the tower's configuration class.
func (d *visionDocument) check(f *findings) visionSettings {
	const at = "vision_config."
	k, known := visionKinds[d.ModelType]
	if !known {
		f.oneOf(at+"model_type", d.ModelType, slices.Sorted(maps.Keys(visionKinds))...)
	}
	f.absent(at+"quantization_config", d.Quantization)
	act, eps := value(d.Act, k.act), value(d.Eps, k.eps)
	f.oneOf(at+"hidden_act", act, activationNames...)
	f.betweenFloats(at+"layer_norm_eps", eps, 0, 1)
	v := visionSettings{
		hidden: value(d.Hidden, k.hidden), intermediate: value(d.Intermediate, k.intermediate), layers: value(d.Layers, k.layers), heads: value(d.Heads, k.heads),
		channels: value(d.Channels, 3), image: f.side(at+"image_size", d.Image, k.image), patch: f.side(at+"patch_size", d.Patch, k.patch),
		act: activations[act], eps: float32(eps), class: k.class,
	}
	f.between(at+"hidden_size", v.hidden, 1, maxHidden)
	f.between(at+"intermediate_size", v.intermediate, 1, maxIntermediate)
	f.between(at+"num_hidden_layers", v.layers, 1, maxLayers)
	f.between(at+"num_attention_heads", v.heads, 1, maxHeads)
	f.divides(at+"hidden_size", v.hidden, "num_attention_heads", v.heads)
	f.between(at+"num_channels", v.channels, 1, maxChannels)
	f.between(at+"patch_size", v.patch, 1, maxPatch)
	f.between(at+"image_size", v.image, max(1, v.patch), maxImageSize)
	return v
}

// projectorSettings is the two-layer projector and what it takes from the tower.
type projectorSettings struct {
	features []int // hidden states of the tower: 0 is its embeddings, i the output of layer i
	dropCLS  bool  // strategy "default" leaves out the first row of a picture
	bias     bool
	act      backend.Activation
}

func (d *document) projector(f *findings, layers int) projectorSettings {
	act, strategy := value(d.ProjectorAct, "gelu"), value(d.SelectStrategy, "default")
	f.oneOf("projector_hidden_act", act, activationNames...)
	f.oneOf("vision_feature_select_strategy", strategy, "default", "full")
	p := projectorSettings{dropCLS: strategy == "default", bias: value(d.ProjectorBias, true), act: activations[act]}
	chosen := d.FeatureLayer
	if len(chosen) == 0 {
		chosen = integers{-2}
	}
	for _, layer := range chosen {
		f.between("vision_feature_layer", layer, -layers-1, layers)
		if layer < 0 {
			layer += layers + 1
		}
		p.features = append(p.features, layer)
	}
	return p
}
