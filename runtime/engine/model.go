package engine

import (
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
)

// Model is what the engine drives; *model.LLaVA is one. All calls come from one goroutine that is locked to its thread.
type Model interface {
	Graph
	Scorer
}

// Graph runs the network.
type Graph interface {
	Config() model.Config
	// Reserve allocates the page pool, once.
	Reserve(c model.Capacity) error
	EncodeImages(px []image.Pixels) (model.Visual, error)
	// Prefill appends the whole prompt to the pages in kv, layer by layer, shows each layer with the queries of the observed
	// rows to the watcher, and returns the last row's logits.
	Prefill(tokens []int32, v model.Visual, kv backend.KVView, observe []int32, w model.Watcher) ([]float32, error)
	// Decode appends one token to each sequence and returns a row of logits for each.
	Decode(batch []model.DecodeRow) ([][]float32, error)
}

// Scorer tells which rows of a layer matter, and compacts it to the rows that are kept. Package compress says what each score is.
type Scorer interface {
	Only(o *model.Observed, rows []int32) (*model.Observed, error)
	TextRelevance(o *model.Observed) ([]float32, error)
	Importance(o *model.Observed, visual []int32, elite []int, counts []float32, byHead bool) ([]float32, error)
	Columns(o *model.Observed, weights []float32) ([]float32, error)
	Density(o *model.Observed, bar float32) ([]float32, error)
	Rows(o *model.Observed, rows []int32) (keys, values []float32, err error)
	Keep(layer int, src backend.LayerKV, rows [][]int32, dst []int32) error
}
