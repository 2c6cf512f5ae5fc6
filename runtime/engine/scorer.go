package engine

import (
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/model"
)

// scorer lets a policy ask the model about one layer of a prompt.
type scorer struct {
	model    Scorer
	config   model.Config
	observed *model.Observed
	visual   []int32
}

var _ compress.Scorer = scorer{}

func (s scorer) Relevance() ([]float32, error) { return s.model.TextRelevance(s.observed) }

func (s scorer) Importance(elite []int, counts []float32, byHead bool) ([]float32, error) {
	return s.model.Importance(s.observed, s.visual, elite, counts, byHead)
}

func (s scorer) Columns(weights []float32) ([]float32, error) {
	return s.model.Columns(s.observed, weights)
}

func (s scorer) Density(bar float32) ([]float32, error) { return s.model.Density(s.observed, bar) }

func (s scorer) Rows() (compress.Rows, error) {
	keys, values, err := s.model.Rows(s.observed, s.visual)
	return compress.Rows{Heads: s.config.KVHeads, Dim: s.config.HeadDim, Keys: keys, Values: values}, err
}
