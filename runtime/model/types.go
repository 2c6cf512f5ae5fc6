package model

import (
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// Config is what a caller must know of a model to feed it and to size its cache.
type Config struct {
	Architecture string
	Identity     string // what cached rows depend on beside the weights: family, sizes, how values are stored, positions

	Layers, Heads, KVHeads, HeadDim, Hidden, Vocab int

	MaxPosition          int         // longest sequence, in logical positions
	ImageToken           int32       // the token id that stands for one visual row
	VisualTokens         int         // rows that the vision tower gives for one tile: the fewest that a picture takes
	Tower                image.Tower // what an image processor must know
	EOS                  []int32     // ids that end an answer
	KVBytesPerTokenLayer int         // K and V of all KV heads, as the backend stores them
	MRoPE                bool        // positions follow pictures' lines and columns: see Span
	Asynchronous         bool        // the device works beside the host
}

// Visual is what the vision tower made of one or more pictures: Tokens rows of the decoder's width, in the backend's memory.
type Visual struct {
	Tokens int

	rows  backend.Tensor
	free  func(backend.Tensor)
	grids []image.Size // of each picture's rows, where positions follow them
}

// Release gives the rows back. Call it once, after the last Prefill that uses them.
func (v Visual) Release() {
	if v.free != nil {
		v.free(v.rows)
	}
}

// Watcher stands beside a prefill. An error of it ends the prefill.
type Watcher interface {
	// Before a layer runs its pages must lie in the prefill's KVView.
	Before(layer int) error
	// After a layer its rows are in its pages; the watcher may compact them, because no later layer reads them. o is valid
	// during the call.
	After(o *Observed) error
}

// Observed is what scoring needs of one prefilled layer: some query rows, and where the keys lie.
type Observed struct {
	Layer int

	rows    []int32        // cache rows whose queries were saved, ascending
	queries backend.Tensor // [len(rows), Heads*HeadDim], rotated
	kv      backend.LayerKV
}
