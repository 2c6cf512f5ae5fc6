package model

import (
	"errors"
	"fmt"
	"math"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/weights"
)

// LLaVA is a loaded model.
type LLaVA struct {
	config    Config
	ops       *backend.Checked
	cutter    cutter
	tower     *tower
	projector *projector
	packer    *packer // of families whose pictures come in tiles; nil otherwise
	depth     int     // layers of the decoder behind which rows of pictures are added
	sight     sight   // of families whose tower is not LLaVA's; nil otherwise, and then the three above are there
	decoder   *decoder

	visionSizes VisionSizes

	deepSpace workspace // see deepstack.go
	queries   workspace // of the observed rows of a layer; and the sums of their attention
	selected  workspace // of some of them
	prompt    prefill   // on its way

	sequences []backend.Sequence // of the decode step staged last
	ids       []int32            // scratch of one step
	keys      []string           // of captured steps, by bucket
	logits    []float32          // the result of Logits, reused
	rows      [][]float32        // views of logits

	trace func(part string, state int, x backend.Tensor) // tests look at hidden states; nil otherwise
}

// Load reads a Hugging Face folder: config.json, generation_config.json if there, and the weights.
func Load(dir string, b backend.Backend) (m *LLaVA, err error) { return LoadTelling(dir, b, nil) }

// LoadTelling is Load that tells after each tensor how many bytes of the weights are there, and how many there are in all: few are
// never used, so that the first number can stay below the second.
func LoadTelling(dir string, b backend.Backend, tell func(loaded, all int64)) (m *LLaVA, err error) {
	s, err := readSettings(dir)
	if err != nil {
		return nil, fmt.Errorf("loading model: %w", err)
	}
	checkpoint, err := weights.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("loading model: %w", err)
	}
	checkpoint.Told = tell
	defer func() {
		if closeErr := checkpoint.Close(); closeErr != nil {
			m, err = nil, errors.Join(err, closeErr)
		}
	}()
	if m, err = build(s, checkpoint, b); err != nil {
		return nil, fmt.Errorf("loading model %s: %w", dir, err)
	}
	return m, nil
}

func build(s *settings, from source, b backend.Backend) (*LLaVA, error) {
	l := &loader{from: from, ops: backend.Check(b)}
	m := &LLaVA{config: describe(s, l.ops), ops: l.ops}
	if err := l.ops.Mixes(s.visionHeads()); err != nil {
		return nil, err
	}
	if s.sight != nil {
		side, channels := s.sight.patch()
		m.cutter = newCutter(l.ops, channels, side)
		m.sight, m.depth = s.sight.load(l, &m.cutter, s.text.hidden), s.sight.depth()
	} else {
		m.cutter = newCutter(l.ops, s.vision.channels, s.vision.patch)
		m.tower, m.projector = loadTower(l, s.vision), loadProjector(l, s.projector, s.vision.hidden, s.text.hidden)
	}
	if s.family.anyres != nil {
		m.packer = loadPacker(l, s.vision, s.text.hidden)
	}
	m.decoder = loadDecoder(l, s.text)
	m.visionSizes = s.visionSizes()
	width := working(m.config.Heads * m.config.HeadDim)
	m.deepSpace = workspace{ops: l.ops, columns: working(m.config.Hidden)}
	m.queries, m.selected = workspace{ops: l.ops, columns: append(width, column{m.config.Heads, backend.Exact})}, workspace{ops: l.ops, columns: width}
	m.placeVision(&arena{ops: l.ops})
	return m, errors.Join(l.err, l.ops.Sync())
}

func describe(s *settings, ops *backend.Checked) Config {
	h := s.text.heads
	tower := s.tower()
	return Config{Architecture: s.family.architecture,
		Layers: s.text.layers, Heads: h.Query, KVHeads: h.KV, HeadDim: h.Dim, Hidden: s.text.hidden, Vocab: s.text.vocab,
		MaxPosition: s.text.positions, ImageToken: int32(s.imageToken), VisualTokens: tower.Rows, Tower: tower, EOS: s.eos,
		Identity:             fmt.Sprintf("%s %+v %+v, %d bytes a token, rope %+v", s.family.architecture, sizes(&s.text, s.visionSizes()), h, ops.PageBytes(h)/backend.PageTokens, s.text.rope),
		KVBytesPerTokenLayer: ops.PageBytes(h) / backend.PageTokens, MRoPE: s.text.rope.sections != nil, Asynchronous: ops.Asynchronous()}
}

// Config describes the model.
func (m *LLaVA) Config() Config { return m.config }

// Capacity is what a model is asked to hold.
type Capacity struct {
	Pages     int // of one layer each
	Sequences int // in a decode step at most
	Rows      int // of the longest sequence
}

// Reserve allocates the page pool, once before the first prefill; a later call drops all cached rows. A device that works beside
// the host gets the activations of the longest prompt and the widest step now: nothing is allocated later, and what does not
// fit is said at the start.
func (m *LLaVA) Reserve(c Capacity) error {
	size := float64(c.Pages) * float64(m.ops.PageBytes(m.decoder.heads))
	if c.Pages < 1 || size > math.MaxInt64/2 {
		return fmt.Errorf("reserving the KV cache: %d pages (%.0f bytes) are not possible", c.Pages, size)
	}
	pool := backend.Pool{Pages: c.Pages, Heads: m.decoder.heads, Layers: m.config.Layers, Sequences: m.ops.Bucket(c.Sequences), Rows: c.Rows}
	if err := m.ops.Reserve(pool); err != nil {
		return fmt.Errorf("reserving the KV cache of %.0f bytes: %w", size, err)
	}
	if !m.ops.Asynchronous() {
		return nil
	}
	if err := m.reserveActivations(c.Rows, pool.Sequences); err != nil {
		return fmt.Errorf("reserving the activations of a prompt of %d tokens and a step of %d sequences beside the KV cache of %.3f GiB: %w", c.Rows, pool.Sequences, size/(1<<30), err)
	}
	return nil
}

// reserveActivations makes room for what any request may need: the longest prompt, the saved queries of all its layers, the widest
// step, the largest picture.
func (m *LLaVA) reserveActivations(rows, sequences int) error {
	d, unit := m.decoder, min(rows, longestUnit)
	for _, a := range []struct {
		space *workspace
		rows  int
	}{{&d.stream, rows}, {&d.unit, unit}, {&d.sums, unit}, {&d.result, 1}, {&d.steps, sequences}, {&m.queries, min(rows, compress.MaxObserved) * m.config.Layers}} {
		if err := a.space.reserve(a.rows); err != nil {
			return err
		}
	}
	if m.depth > 0 {
		if err := m.deepSpace.reserve((1 + m.depth) * rows); err != nil {
			return err
		}
	}
	return m.reserveVision()
}

// note shows a hidden state to a test.
func (m *LLaVA) note(part string, state int, x backend.Tensor) {
	if m.trace != nil {
		m.trace(part, state, x)
	}
}
