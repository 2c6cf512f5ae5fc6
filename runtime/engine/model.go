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
	Reserve(pages int) error
	EncodeImages(px []image.Pixels) (model.Visual, error)
	// Prefill appends the whole prompt to the pages in kv, saves the queries of the observed rows and returns the last row's logits.
	Prefill(tokens []int32, v model.Visual, kv backend.KVView, observe []int32) ([]float32, *model.Observed, error)
	// Decode appends one token to each sequence and returns a row of logits for each.
	Decode(batch []model.DecodeRow) ([][]float32, error)
}

// Scorer tells which rows of a prefilled prompt matter, and compacts a layer to the rows that are kept.
type Scorer interface {
	TextRelevance(obs *model.Observed, layer int) ([]float32, error)
	Importance(obs *model.Observed, layer int, visual []int32, elite []int) ([]float32, error)
	Keep(layer int, src backend.LayerKV, rows []int32, dst []int32) error
}
