package engine

import (
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/sampling"
)

// Model is what the engine drives; *model.LLaVA is one. All calls come from one goroutine that is locked to its thread.
type Model interface {
	Graph
	Scorer
	Gallery
	PageMover
}

// Graph runs the network.
type Graph interface {
	Config() model.Config
	// Reserve allocates the page pool, once.
	Reserve(c model.Capacity) error
	EncodeImages(px []image.Pixels) (model.Visual, error)
	// Begin brings a prompt to the device, in place of one that has not ended.
	Begin(p model.Prompt) error
	// Advance takes some rows of it, most at once, through one layer, and returns how many are left over all layers. A layer
	// that has all rows is shown to the watcher. With the last ones the first token is chosen: the end is a step to take.
	Advance(most int) (end model.Step, left int, err error)
	// Launch appends one token to each sequence and chooses the next ones, without waiting for a device that works beside the
	// host. All that is given to the device is done in order.
	Launch(rows []model.Row) (model.Step, error)
	// Take waits for a step's choices, one a sequence.
	Take(s model.Step) ([]sampling.Choice, error)
	// Logits reads what the step launched last chose from, or the prompt that ended last: some sequences, or all. The rows are
	// valid until the next call.
	Logits(s model.Step, sequences ...int) ([][]float32, error)
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

// PageMover brings whole pages to the host and back.
type PageMover interface {
	ReadPages(dst []byte, pages []int32) error
	WritePages(pages []int32, src []byte) error
}

// Gallery keeps pictures' rows for prompts to come.
type Gallery interface {
	Join(parts []model.Visual) (model.Visual, error)
	ReadVisual(v model.Visual) ([]float32, error)
	WriteVisual(px image.Pixels, values []float32) (model.Visual, error)
}
