package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/sampling"
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

	prompt      model.Prompt // on its way
	shows       []uint64     // what is in the picture of each row
	encoded     []uint64     // pictures that went through the tower for the next prompt
	layer, from int
	hash        uint64
	slots       map[int32]int32
	steps       []*fakeStep // launched, the last ones

	asynchronous  bool
	beforePrefill func(tokens []int32) error // tests make it fail or panic
	beforeKeep    func(layer int) error
	badScores     bool
	beforeDecode  func(batch []model.Row) error
	beforeTake    func() error
	beforeMove    func(call string) error
	logits        func(hash uint64, row []float32)
	batches       []int // sizes of the decode steps
	units         []int // rows of the parts of prompts
	calls         []string
}

// fakeStep is what a step chose, and from what.
type fakeStep struct {
	logits  [][]float32
	choices []sampling.Choice
}

func (s *fakeStep) Rows() int { return len(s.logits) }

func newFake(clock *fakeTime) *fakeModel {
	return &fakeModel{clock: clock, logits: spread, slots: map[int32]int32{}}
}

func (m *fakeModel) Config() model.Config {
	return model.Config{Layers: fakeLayers, Heads: 2, KVHeads: 1, HeadDim: 4, Hidden: 8, Vocab: fakeVocab, MaxPosition: 2048,
		ImageToken: fakePicture, VisualTokens: fakeVisual, EOS: []int32{fakeEOS}, KVBytesPerTokenLayer: fakeBytes, Asynchronous: m.asynchronous}
}

func (m *fakeModel) Reserve(c model.Capacity) error {
	m.cells = make([]uint64, c.Pages*backend.PageTokens)
	return nil
}

func (m *fakeModel) EncodeImages(px []image.Pixels) (model.Visual, error) {
	m.clock.pass(time.Duration(len(px)) * time.Millisecond)
	m.calls = append(m.calls, "encode")
	for _, p := range px {
		m.encoded = append(m.encoded, contentOf(p))
	}
	return model.Visual{Tokens: len(px) * fakeVisual}, nil
}

// contentOf is what a tower sees in a picture: its first value.
func contentOf(px image.Pixels) uint64 {
	if len(px.Data) == 0 {
		return 0
	}
	return uint64(px.Data[0])
}

func (m *fakeModel) Join(parts []model.Visual) (v model.Visual, err error) {
	for _, p := range parts {
		v.Tokens += p.Tokens
	}
	return v, nil
}

func (m *fakeModel) ReadVisual(model.Visual) ([]float32, error) {
	return []float32{float32(m.encoded[len(m.encoded)-1])}, nil
}

func (m *fakeModel) WriteVisual(_ image.Pixels, values []float32) (model.Visual, error) {
	m.calls = append(m.calls, "write")
	m.encoded = append(m.encoded, uint64(values[0]))
	return model.Visual{Tokens: fakeVisual}, nil
}

func (m *fakeModel) Begin(p model.Prompt) error {
	defer func() { m.encoded = m.encoded[:0] }()
	if m.beforePrefill != nil {
		if err := m.beforePrefill(p.Tokens); err != nil {
			return err
		}
	}
	m.prompt, m.layer, m.from, m.hash = p, 0, 0, 1
	visual := 0
	m.shows = m.shows[:0]
	for _, token := range p.Tokens {
		content := uint64(0)
		if token == fakePicture {
			content = m.encoded[min(visual/fakeVisual, len(m.encoded)-1)]
			visual++
		}
		m.shows = append(m.shows, content)
	}
	return nil
}

func (m *fakeModel) Advance(most int) (end model.Step, left int, err error) {
	p, rows := &m.prompt, len(m.prompt.Tokens)
	if m.from == 0 {
		if err := p.Watcher.Before(m.layer); err != nil {
			return end, 0, err
		}
		if p.KV.Layers[m.layer].Len > p.KV.Position {
			return end, 0, fmt.Errorf("layer %d has %d rows before the prefill, which starts at %d", m.layer, p.KV.Layers[m.layer].Len, p.KV.Position)
		}
	}
	layer, to, before := p.KV.Layers[m.layer], min(m.from+most, rows), p.KV.Layers[m.layer].Len
	for _, cut := range p.Cuts {
		if cut > m.from {
			to = min(to, cut)
			break
		}
	}
	for row := m.from; row < to; row++ {
		m.cells[at(layer, before+row)] = mix(uint64(p.Tokens[row]), uint64(p.KV.Position+row), uint64(m.layer)) + m.shows[row]
	}
	m.units, m.calls = append(m.units, to-m.from), append(m.calls, "prefill")
	m.clock.pass(time.Duration(to-m.from) * 100 * time.Microsecond / fakeLayers)
	if m.from = to; to < rows {
		return end, rows*(fakeLayers-m.layer) - to, nil
	}
	layer.Len = before + rows
	m.hash = m.readLayer(m.hash, layer)
	m.shown = layer
	if err := p.Watcher.After(&model.Observed{Layer: m.layer}); err != nil {
		return end, 0, err
	}
	m.layer, m.from = m.layer+1, 0
	if m.layer < fakeLayers {
		return end, rows * (fakeLayers - m.layer), nil
	}
	s := &fakeStep{}
	m.choose(s, m.hash, p.Slot, p.Draw)
	return m.launched(s), 0, nil
}

// Of the ten bytes that a token of a layer has here a cell is the first eight.
func (m *fakeModel) ReadPages(dst []byte, pages []int32) error {
	m.calls = append(m.calls, "read pages")
	if m.beforeMove != nil {
		if err := m.beforeMove("read pages"); err != nil {
			return err
		}
	}
	for i, page := range pages {
		for slot := range backend.PageTokens {
			binary.LittleEndian.PutUint64(dst[i*pageBytes+slot*fakeBytes:], m.cells[int(page)*backend.PageTokens+slot])
		}
	}
	return nil
}

func (m *fakeModel) WritePages(pages []int32, src []byte) error {
	m.calls = append(m.calls, "write pages")
	if m.beforeMove != nil {
		if err := m.beforeMove("write pages"); err != nil {
			return err
		}
	}
	for i, page := range pages {
		for slot := range backend.PageTokens {
			m.cells[int(page)*backend.PageTokens+slot] = binary.LittleEndian.Uint64(src[i*pageBytes+slot*fakeBytes:])
		}
	}
	return nil
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

func (m *fakeModel) Launch(batch []model.Row) (model.Step, error) {
	if m.beforeDecode != nil {
		if err := m.beforeDecode(batch); err != nil {
			return model.Step{}, err
		}
	}
	m.clock.pass(time.Millisecond)
	m.batches, m.calls = append(m.batches, len(batch)), append(m.calls, "launch")
	s, tokens := &fakeStep{}, make([]int32, len(batch))
	for i, b := range batch { // all of them, before a new one falls into a slot
		if tokens[i] = b.Token; b.Token < 0 {
			tokens[i] = m.slots[backend.Slot(b.Token)]
		}
	}
	for i, b := range batch {
		layers := append([]backend.LayerKV(nil), b.KV.Layers...)
		for l := range layers {
			m.cells[at(layers[l], layers[l].Len)] = mix(uint64(tokens[i]), uint64(b.KV.Position), uint64(l))
			layers[l].Len++
		}
		m.choose(s, m.read(backend.KVView{Layers: layers}), b.Slot, b.Draw)
	}
	return m.launched(s), nil
}

// choose draws a token and leaves it in its slot, as a device does.
func (m *fakeModel) choose(s *fakeStep, hash uint64, slot int32, d sampling.Draw) {
	row := make([]float32, fakeVocab)
	m.logits(hash, row)
	choice, err := new(sampling.Chooser).Choose(row, d)
	next := choice.Token
	if err != nil {
		choice, next = sampling.Choice{Token: sampling.NoToken}, 0
	}
	if slot != backend.NoSlot {
		m.slots[slot] = next
	}
	s.logits, s.choices = append(s.logits, row), append(s.choices, choice)
}

// launched makes the oldest step's result unreadable.
func (m *fakeModel) launched(s *fakeStep) model.Step {
	if m.steps = append(m.steps, s); len(m.steps) > backend.BatchesAlive {
		m.steps[0].choices = nil
		m.steps = m.steps[1:]
	}
	return model.Step{Batch: s}
}

func (m *fakeModel) Take(s model.Step) ([]sampling.Choice, error) {
	if m.beforeTake != nil {
		if err := m.beforeTake(); err != nil {
			return nil, err
		}
	}
	m.calls = append(m.calls, "take")
	return s.Batch.(*fakeStep).choices, nil
}

func (m *fakeModel) Logits(s model.Step, sequences ...int) (rows [][]float32, err error) {
	step := s.Batch.(*fakeStep)
	if step != m.steps[len(m.steps)-1] {
		return nil, errors.New("the logits are another step's by now")
	}
	if len(sequences) == 0 {
		return step.logits, nil
	}
	for _, i := range sequences {
		rows = append(rows, step.logits[i])
	}
	return rows, nil
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
