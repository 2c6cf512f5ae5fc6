package model

import "aircache.dev/aircache/runtime/backend"

// Config is what a caller must know of a model to feed it and to size its cache.
type Config struct {
	Layers, Heads, KVHeads, HeadDim, Hidden, Vocab int

	MaxPosition          int     // longest sequence, in logical positions
	ImageToken           int32   // the token id that stands for one visual row
	VisualTokens         int     // rows per picture
	EOS                  []int32 // ids that end an answer
	KVBytesPerTokenLayer int     // K and V of all KV heads, as the backend stores them
}

// Visual is what the vision tower made of one or more pictures: Tokens rows of the decoder's width, in the backend's memory.
type Visual struct {
	Tokens int
	rows   backend.Tensor
}

// Observed keeps what scoring needs of a prefill: the query rows of every layer, and where the keys lie.
type Observed struct {
	rows    []int32           // prompt rows whose queries were saved, ascending
	queries []backend.Tensor  // per layer: [len(rows), Heads*HeadDim], rotated
	layers  []backend.LayerKV // per layer: the whole prompt
}

// DecodeRow is one sequence's part of a decode step: the token to feed, and its cache with room for one more row a layer.
type DecodeRow struct {
	Token int32
	KV    backend.KVView
}
