package engine

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
)

const (
	fakeLayers  = 3
	fakeVisual  = 80 // rows per picture, over the policy's least
	fakeVocab   = 64
	fakePicture = int32(60)
	fakeEOS     = int32(61)
	fakeBytes   = 10 // per token and layer
	pageBytes   = backend.PageTokens * fakeBytes
)

// fakeTime moves only when the model works, or when a test says so.
type fakeTime struct{ nanoseconds atomic.Int64 }

func (c *fakeTime) now() time.Time       { return time.Unix(0, c.nanoseconds.Load()) }
func (c *fakeTime) pass(d time.Duration) { c.nanoseconds.Add(int64(d)) }

// fakeModel is a model whose every answer depends on every row of its cache: a row that is lost, swapped or taken from
// another sequence changes all later tokens.
type fakeModel struct {
	clock *fakeTime
	cells []uint64        // pages of one layer each
	shown backend.LayerKV // the layer that a watcher sees

	beforePrefill func(tokens []int32) error // tests make it fail or panic
	beforeKeep    func(layer int) error
	badScores     bool
	beforeDecode  func(batch []model.DecodeRow) error
	logits        func(hash uint64, row []float32)
	batches       []int // sizes of the decode steps
}

func newFake(clock *fakeTime) *fakeModel {
	return &fakeModel{clock: clock, logits: spread}
}

func (*fakeModel) Config() model.Config {
	return model.Config{Layers: fakeLayers, Heads: 2, KVHeads: 1, HeadDim: 4, Hidden: 8, Vocab: fakeVocab, MaxPosition: 2048,
		ImageToken: fakePicture, VisualTokens: fakeVisual, EOS: []int32{fakeEOS}, KVBytesPerTokenLayer: fakeBytes}
}

func (m *fakeModel) Reserve(c model.Capacity) error {
	m.cells = make([]uint64, c.Pages*backend.PageTokens)
	return nil
}

func (m *fakeModel) EncodeImages(px []image.Pixels) (model.Visual, error) {
	m.clock.pass(time.Duration(len(px)) * time.Millisecond)
	return model.Visual{Tokens: len(px) * fakeVisual}, nil
}

func (m *fakeModel) Prefill(tokens []int32, v model.Visual, kv backend.KVView, observe []int32, w model.Watcher) ([]float32, error) {
	if m.beforePrefill != nil {
		if err := m.beforePrefill(tokens); err != nil {
			return nil, err
		}
	}
	m.clock.pass(time.Duration(len(tokens)) * 100 * time.Microsecond)
	hash := uint64(1)
	for l := range kv.Layers {
		if err := w.Before(l); err != nil {
			return nil, err
		}
		layer := &kv.Layers[l]
		if layer.Len != 0 || kv.Position != 0 {
			return nil, fmt.Errorf("layer %d has %d rows before the prefill", l, layer.Len)
		}
		for row, token := range tokens {
			m.cells[at(*layer, row)] = mix(uint64(token), uint64(row), uint64(l))
		}
		layer.Len = len(tokens)
		hash = m.readLayer(hash, *layer)
		m.shown = *layer
		if err := w.After(&model.Observed{Layer: l}); err != nil {
			return nil, err
		}
	}
	row := make([]float32, fakeVocab)
	m.logits(hash, row)
	return row, nil
}

func (m *fakeModel) Only(o *model.Observed, _ []int32) (*model.Observed, error) { return o, nil }

func (m *fakeModel) TextRelevance(*model.Observed) ([]float32, error) { return []float32{.5, .5}, nil }

func (m *fakeModel) Importance(_ *model.Observed, visual []int32, _ []int, _ []float32, _ bool) ([]float32, error) {
	m.clock.pass(100 * time.Microsecond)
	scores := make([]float32, len(visual))
	for v, row := range visual {
		scores[v] = float32(m.cells[at(m.shown, int(row))]%1000) / 1000
	}
	if m.badScores {
		scores[0] = float32(math.NaN())
	}
	return scores, nil
}

func (m *fakeModel) Columns(o *model.Observed, _ []float32) ([]float32, error) {
	rows := make([]int32, m.shown.Len)
	for i := range rows {
		rows[i] = int32(i)
	}
	return m.Importance(o, rows, nil, nil, false)
}

func (m *fakeModel) Density(*model.Observed, float32) ([]float32, error) { return []float32{.5}, nil }

func (m *fakeModel) Rows(_ *model.Observed, rows []int32) (keys, values []float32, err error) {
	keys = make([]float32, len(rows)*4)
	for i, row := range rows {
		for d := range 4 {
			keys[4*i+d] = float32(mix(m.cells[at(m.shown, int(row))], uint64(d), 3)%1000) - 500
		}
	}
	return keys, keys, nil
}

func (m *fakeModel) Keep(layer int, src backend.LayerKV, rows [][]int32, dst []int32) error {
	if m.beforeKeep != nil {
		if err := m.beforeKeep(layer); err != nil {
			return err
		}
	}
	to := backend.LayerKV{Pages: dst, Len: len(rows[0])}
	for i, row := range rows[0] {
		m.cells[at(to, i)] = m.cells[at(src, int(row))]
	}
	return nil
}

func (m *fakeModel) Decode(batch []model.DecodeRow) ([][]float32, error) {
	if m.beforeDecode != nil {
		if err := m.beforeDecode(batch); err != nil {
			return nil, err
		}
	}
	m.clock.pass(time.Millisecond)
	m.batches = append(m.batches, len(batch))
	out := make([][]float32, len(batch))
	for i, b := range batch {
		layers := append([]backend.LayerKV(nil), b.KV.Layers...)
		for l := range layers {
			m.cells[at(layers[l], layers[l].Len)] = mix(uint64(b.Token), uint64(b.KV.Position), uint64(l))
			layers[l].Len++
		}
		out[i] = make([]float32, fakeVocab)
		m.logits(m.read(backend.KVView{Layers: layers}), out[i])
	}
	return out, nil
}

// at is where a row's cell lies; it panics where the page is missing, as a device would.
func at(layer backend.LayerKV, row int) int {
	return int(layer.Pages[row/backend.PageTokens])*backend.PageTokens + row%backend.PageTokens
}

func (m *fakeModel) read(kv backend.KVView) uint64 {
	h := uint64(1)
	for _, layer := range kv.Layers {
		h = m.readLayer(h, layer)
	}
	return h
}

func (m *fakeModel) readLayer(h uint64, layer backend.LayerKV) uint64 {
	for row := range layer.Len {
		h = mix(h, m.cells[at(layer, row)], 7)
	}
	return h
}

// spread turns a hash into logits: any token but the picture's.
func spread(hash uint64, row []float32) {
	for i := range row {
		row[i] = float32(mix(hash, uint64(i), 9)%1000) / 100
	}
	row[fakePicture] = float32(math.Inf(-1))
}

// endless never ends an answer by itself.
func endless(hash uint64, row []float32) {
	spread(hash, row)
	row[fakeEOS] = float32(math.Inf(-1))
}

func mix(a, b, c uint64) uint64 {
	h := a*0x9E3779B97F4A7C15 ^ b*0xC2B2AE3D27D4EB4F ^ c*0x165667B19E3779F9
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}
