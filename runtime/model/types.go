package model

import "aircache.dev/aircache/runtime/backend"

// Config is what a caller must know of a model to feed it and to size its cache.
type Config struct {
	Architecture string

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

	rows backend.Tensor
	free func(backend.Tensor)
}

// Release gives the rows back. Call it once, after the last Prefill that uses them.
func (v Visual) Release() {
	if v.free != nil {
		v.free(v.rows)
	}
}

// Observed keeps what scoring needs of a prefill: the query rows of every layer, and where the keys lie.
type Observed struct {
	rows    []int32           // cache rows whose queries were saved, ascending
	queries []backend.Tensor  // per layer: [len(rows), Heads*HeadDim], rotated
	layers  []backend.LayerKV // per layer: the whole prompt
	free    func(backend.Tensor)
}

// Release gives the query rows back. It may be called twice.
func (o *Observed) Release() {
	for _, q := range o.queries {
		o.free(q)
	}
	o.queries = nil
}

// DecodeRow is one sequence's part of a decode step: the token to feed, and its cache with room for one more row a layer.
type DecodeRow struct {
	Token int32
	KV    backend.KVView
}
