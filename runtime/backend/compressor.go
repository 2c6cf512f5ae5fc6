package backend

import "aircache.dev/aircache/runtime/compress"

// Compressor is a Backend that scores, shares and compacts a whole prompt by itself: what policy AirCache decides (package
// compress is the oracle: the same rows are kept), without a word from the host in between. Where a backend is none, or does
// not know the options, prompts are compacted layer by layer through Scorer and Keep.
type Compressor interface {
	// Compresses reports whether the device knows the options.
	Compresses(o compress.Options) bool
	// Compress is queued like any op. Sources are read and Pages written; both stay until Result.
	Compress(c Compression) (Ticket, error)
}

// Compression is one prompt, prefilled whole.
type Compression struct {
	Options  compress.Options
	Permille int
	Heads    Heads

	Sources []LayerKV // the prompt's cache, all layers
	Queries []Tensor  // of each layer: [len(Rows), Query*Dim], rotated
	Rows    []int32   // cache row of every saved query, ascending
	Visual  []int32   // cache rows that may go, ascending; all others stay
	// Pages are fresh ones, enough for any spread of the kept rows: layer 0 fills the first of them, layer 1 goes on behind
	// the last page that layer 0 has begun, and so on.
	Pages []int32
}

// Ticket is a compression on its way.
type Ticket interface {
	// Result waits for this compression alone, not for what was given after it.
	Result() (Compressed, error)
}

// Compressed is what a device decided.
type Compressed struct {
	Kept   []int     // visual rows of each layer
	Elite  []int     // rows of each layer's observation window
	Scores []float32 // [layers, visual]: what the rows were chosen by, for the recall curve
}
