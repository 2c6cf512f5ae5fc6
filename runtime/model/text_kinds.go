package model

import (
	"maps"
	"slices"
)

// textKind is one decoder's model_type: the defaults of its configuration class, and what its layers have.
type textKind struct {
	vocab, hidden, intermediate, layers, heads int
	kvHeads                                    int // 0: as many as heads
	headDim                                    int // 0: hidden / heads
	positions                                  int
	eps, theta                                 float64
	eos                                        integers

	qkvBias     bool
	qkNorm      bool // each query and key head has an RMS norm
	mrope       bool // positions on three axes
	interleaved bool // whose pairs take turns; elsewhere each axis has its own run of pairs
	windowed    bool // sliding_window alone decides, and is not null by default; elsewhere use_sliding_window does
}

// textKinds has every decoder that can be loaded. Published files leave much of it out: LLaVA-1.5's says that it is a Llama
// and how large the vocabulary is.
var textKinds = map[string]textKind{
	"llama": {vocab: 32000, hidden: 4096, intermediate: 11008, layers: 32, heads: 32, positions: 2048, eps: 1e-6, theta: 10000, eos: integers{2}},
	"mistral": {vocab: 32000, hidden: 4096, intermediate: 14336, layers: 32, heads: 32, kvHeads: 8, positions: 4096 * 32, eps: 1e-6, theta: 10000,
		eos: integers{2}, windowed: true},
	"qwen3_vl_text": {vocab: 151936, hidden: 4096, intermediate: 22016, layers: 32, heads: 32, kvHeads: 32, headDim: 128, positions: 128000, eps: 1e-6,
		theta: 500000, qkNorm: true, mrope: true, interleaved: true},
	"qwen3": {vocab: 151936, hidden: 4096, intermediate: 22016, layers: 32, heads: 32, kvHeads: 32, headDim: 128, positions: 32768, eps: 1e-6, theta: 10000,
		qkNorm: true},
	"qwen2_vl_text": qwen2VL, "qwen2_5_vl_text": qwen2VL,
	"qwen2": {vocab: 151936, hidden: 4096, intermediate: 22016, layers: 32, heads: 32, positions: 32768, eps: 1e-6, theta: 10000, qkvBias: true},
}

// qwen2VL are the defaults of Qwen2VLTextConfig and Qwen2_5_VLTextConfig.
var qwen2VL = textKind{vocab: 152064, hidden: 8192, intermediate: 29568, layers: 80, heads: 64, kvHeads: 8, positions: 32768, eps: 1e-5, theta: 1e6,
	eos: integers{151645}, qkvBias: true, mrope: true}

func textModels() []string { return slices.Sorted(maps.Keys(textKinds)) }
