package model

import (
	"encoding/json"

	"aircache.dev/aircache/runtime/backend"
)

// textSettings is a decoder of the Llama lineage: RMS norms, rotated heads, a gated MLP.
type textSettings struct {
	hidden, intermediate, layers int
	heads                        backend.Heads
	vocab, positions             int
	rope                         rotation
	eps                          float32
	tied                         bool
	qkvBias, qkNorm              bool
}

type textDocument struct {
	ModelType    string          `json:"model_type"`
	Quantization json.RawMessage `json:"quantization_config"`
	Vocab        *int            `json:"vocab_size"`
	Hidden       *int            `json:"hidden_size"`
	Intermediate *int            `json:"intermediate_size"`
	Layers       *int            `json:"num_hidden_layers"`
	Heads        *int            `json:"num_attention_heads"`
	KVHeads      *int            `json:"num_key_value_heads"`
	HeadDim      *int            `json:"head_dim"`
	Act          *string         `json:"hidden_act"`
	Positions    *int            `json:"max_position_embeddings"`
	Eps          *float64        `json:"rms_norm_eps"`
	Tied         bool            `json:"tie_word_embeddings"`
	EOS          integers        `json:"eos_token_id"`

	AttentionBias bool `json:"attention_bias"`
	MLPBias       bool `json:"mlp_bias"`

	UseWindow  bool            `json:"use_sliding_window"`
	Window     json.RawMessage `json:"sliding_window"` // null is another thing than nothing
	LayerTypes []string        `json:"layer_types"`

	Theta          *float64      `json:"rope_theta"`
	RopeScaling    *ropeDocument `json:"rope_scaling"`    // transformers 4
	RopeParameters *ropeDocument `json:"rope_parameters"` // transformers 5
	PartialRotary  *float64      `json:"partial_rotary_factor"`
}

// check fills in the defaults of the decoder's configuration class.
func (d *textDocument) check(f *findings) textSettings {
	const at = "text_config."
	k, known := textKinds[d.ModelType]
	if !known {
		f.oneOf(at+"model_type", d.ModelType, textModels()...)
	}
	f.absent(at+"quantization_config", d.Quantization)
	f.oneOf(at+"hidden_act", value(d.Act, "silu"), "silu")
	d.refuse(f, k)
	eps := value(d.Eps, k.eps)
	f.betweenFloats(at+"rms_norm_eps", eps, 0, 1)
	t := textSettings{
		hidden: value(d.Hidden, k.hidden), intermediate: value(d.Intermediate, k.intermediate), layers: value(d.Layers, k.layers),
		vocab: value(d.Vocab, k.vocab), positions: value(d.Positions, k.positions), eps: float32(eps), tied: d.Tied, qkvBias: k.qkvBias, qkNorm: k.qkNorm,
	}
	if len(d.EOS) == 0 {
		d.EOS = k.eos
	}
	f.between(at+"hidden_size", t.hidden, 1, maxHidden)
	f.between(at+"intermediate_size", t.intermediate, 1, maxIntermediate)
	f.between(at+"num_hidden_layers", t.layers, 1, maxLayers)
	f.between(at+"vocab_size", t.vocab, 1, maxVocab)
	f.between(at+"max_position_embeddings", t.positions, 1, maxPositions)
	t.heads = d.shape(f, k, t.hidden)
	t.rope = d.rotation(f, k)
	if k.mrope {
		t.rope.checkSections(f, t.heads.Dim)
	}
	return t
}

// refuse names what would change the computation and is not done here.
func (d *textDocument) refuse(f *findings, k textKind) {
	const at = "text_config."
	switch written := string(d.Window); {
	case k.windowed && written == "":
		f.add("%ssliding_window: it is missing, which means a window; null is supported", at)
	case k.windowed && written != "null":
		f.add("%ssliding_window: %s is not supported, null is", at, written)
	case !k.windowed && d.UseWindow:
		f.add("%suse_sliding_window: true is not supported", at)
	}
	for _, kind := range d.LayerTypes {
		f.oneOf(at+"layer_types", kind, "full_attention")
	}
	if d.AttentionBias {
		f.add("%sattention_bias: true is not supported", at)
	}
	if d.MLPBias {
		f.add("%smlp_bias: true is not supported", at)
	}
}

func (d *textDocument) shape(f *findings, k textKind, hidden int) backend.Heads {
	const at = "text_config."
	query := value(d.Heads, k.heads)
	h := backend.Heads{Query: query, KV: query}
	if d.KVHeads != nil {
		h.KV = *d.KVHeads
	} else if k.kvHeads > 0 {
		h.KV = k.kvHeads
	}
	f.between(at+"num_attention_heads", h.Query, 1, maxHeads)
	f.between(at+"num_key_value_heads", h.KV, 1, maxHeads)
	f.divides(at+"num_attention_heads", h.Query, "num_key_value_heads", h.KV)
	if d.HeadDim != nil {
		h.Dim = *d.HeadDim
	} else if k.headDim > 0 {
		h.Dim = k.headDim
	} else if h.Query > 0 {
		f.divides(at+"hidden_size", hidden, "num_attention_heads", h.Query)
		h.Dim = hidden / h.Query
	}
	f.between(at+"head_dim", h.Dim, 2, maxHeadDim)
	f.divides(at+"head_dim", h.Dim, "the pairs of a rotation", 2)
	return h
}
