package model

import (
	"encoding/json"

	"aircache.dev/aircache/runtime/backend"
)

// textSettings is a Qwen2 decoder.
type textSettings struct {
	hidden, intermediate, layers int
	heads                        backend.Heads
	vocab, positions             int
	theta                        float64
	eps                          float32
	tied                         bool
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

	SlidingWindow bool     `json:"use_sliding_window"`
	LayerTypes    []string `json:"layer_types"`

	Theta          *float64      `json:"rope_theta"`
	RopeScaling    *ropeDocument `json:"rope_scaling"`    // transformers 4
	RopeParameters *ropeDocument `json:"rope_parameters"` // transformers 5
	PartialRotary  *float64      `json:"partial_rotary_factor"`
}

type ropeDocument struct {
	Theta         *float64 `json:"rope_theta"`
	Type          *string  `json:"rope_type"`
	OldType       *string  `json:"type"`
	PartialRotary *float64 `json:"partial_rotary_factor"`
}

// check fills in the defaults of Qwen2Config.
func (d *textDocument) check(f *findings) textSettings {
	const at = "text_config."
	f.oneOf(at+"model_type", d.ModelType, "qwen2")
	f.absent(at+"quantization_config", d.Quantization)
	f.oneOf(at+"hidden_act", value(d.Act, "silu"), "silu")
	if d.SlidingWindow {
		f.add("%suse_sliding_window: true is not supported", at)
	}
	for _, kind := range d.LayerTypes {
		f.oneOf(at+"layer_types", kind, "full_attention")
	}
	eps := value(d.Eps, 1e-6)
	f.betweenFloats(at+"rms_norm_eps", eps, 0, 1)
	t := textSettings{
		hidden: value(d.Hidden, 4096), intermediate: value(d.Intermediate, 22016), layers: value(d.Layers, 32),
		vocab: value(d.Vocab, 151936), positions: value(d.Positions, 32768), eps: float32(eps), tied: d.Tied,
	}
	f.between(at+"hidden_size", t.hidden, 1, maxHidden)
	f.between(at+"intermediate_size", t.intermediate, 1, maxIntermediate)
	f.between(at+"num_hidden_layers", t.layers, 1, maxLayers)
	f.between(at+"vocab_size", t.vocab, 1, maxVocab)
	f.between(at+"max_position_embeddings", t.positions, 1, maxPositions)
	t.heads = d.shape(f, t.hidden)
	t.theta = d.rope(f)
	return t
}

func (d *textDocument) shape(f *findings, hidden int) backend.Heads {
	const at = "text_config."
	query := value(d.Heads, 32)
	h := backend.Heads{Query: query, KV: value(d.KVHeads, query)}
	f.between(at+"num_attention_heads", h.Query, 1, maxHeads)
	f.between(at+"num_key_value_heads", h.KV, 1, maxHeads)
	f.divides(at+"num_attention_heads", h.Query, "num_key_value_heads", h.KV)
	if d.HeadDim != nil {
		h.Dim = *d.HeadDim
	} else if h.Query > 0 {
		f.divides(at+"hidden_size", hidden, "num_attention_heads", h.Query)
		h.Dim = hidden / h.Query
	}
	f.between(at+"head_dim", h.Dim, 2, maxHeadDim)
	f.divides(at+"head_dim", h.Dim, "the pairs of a rotation", 2)
	return h
}

// rope gives theta, from either spelling, and refuses every rotation but the plain one.
func (d *textDocument) rope(f *findings) float64 {
	const at = "text_config."
	theta := value(d.Theta, 10000)
	f.betweenFloats(at+"partial_rotary_factor", value(d.PartialRotary, 1), 1, 1)
	theta = d.RopeScaling.check(f, at+"rope_scaling", theta)
	theta = d.RopeParameters.check(f, at+"rope_parameters", theta)
	f.betweenFloats(at+"rope_theta", theta, 1, 1e15)
	return theta
}

// check gives its own theta, or else the one given.
func (r *ropeDocument) check(f *findings, at string, theta float64) float64 {
	if r == nil {
		return theta
	}
	f.oneOf(at+".rope_type", value(r.Type, value(r.OldType, "default")), "default")
	f.betweenFloats(at+".partial_rotary_factor", value(r.PartialRotary, 1), 1, 1)
	return value(r.Theta, theta)
}
