package model

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/sampling"
)

// Prompt is one sequence's prompt on its way into the cache.
type Prompt struct {
	Tokens  []int32
	Visual  Visual         // replaces the image tokens, in order
	KV      backend.KVView // its layers' pages may come with Watcher.Before
	Observe []int32        // ascending indices of Tokens whose queries the watcher wants
	Watcher Watcher        // may be nil
	Cuts    []int          // ascending indices of Tokens where a unit begins, so that rows behind a cut are computed alike whatever is before it in the call
	Save    bool           // keeps the observed rows' queries and sums of all layers, for Compress

	Slot int32 // where the device keeps the first token of the answer
	Draw sampling.Draw
}

// longestUnit bounds the activations of a prompt: a layer takes more rows in several units.
const longestUnit = 8192

// prefill is the prompt that is on its way: the next unit is layer's rows from on.
type prefill struct {
	Prompt
	x, angles   backend.Tensor
	layer, from int
	observed    int                // of Observe, queries saved of this layer
	saved       saved              // of the layers that have run
	queries     backend.Tensor     // [len(Observe), Heads*HeadDim]
	sums        backend.Tensor     // [len(Observe), Heads]: see backend.Attention; only where they are saved
	table       []backend.LayerKV  // a unit's: of the present layer alone
	sequence    []backend.Sequence // the unit's
	deep        deepRows
}

// saved is what the observed rows leave for Compress, by layer.
type saved struct{ queries, sums []backend.Tensor }

// Begin brings a prompt to the device; one that was begun before and has not ended is given up. Its pictures' rows can be
// released when it returns. Advance does the work.
func (m *LLaVA) Begin(p Prompt) error {
	images, err := m.checkPrompt(p.Tokens, p.Visual, p.KV)
	if err == nil {
		err = checkObserve(p.Observe, len(p.Tokens))
	}
	if err == nil {
		err = m.begin(p, images)
	}
	if err != nil {
		m.prompt.Tokens = nil
		return fmt.Errorf("prefilling %d tokens: %w", len(p.Tokens), err)
	}
	return nil
}

func (m *LLaVA) begin(p Prompt, images []int32) error {
	var v [2]backend.Tensor
	if err := m.decoder.stream.top(v[:], len(p.Tokens)); err != nil {
		return err
	}
	f := &m.prompt
	*f = prefill{Prompt: p, x: v[0], angles: v[1], table: f.table, sequence: f.sequence[:0], saved: saved{f.saved.queries[:0], f.saved.sums[:0]}}
	if len(f.table) == 0 {
		f.table = make([]backend.LayerKV, m.config.Layers)
	}
	ids := append(m.ids[:0], p.Tokens...)
	for _, i := range images {
		ids[i] = 0 // image tokens may lie outside of the vocabulary
	}
	m.ids = ids
	f.sequence = append(f.sequence, backend.Sequence{Rows: len(ids), Tokens: ids, Slot: backend.NoSlot, KV: backend.KVView{Position: p.KV.Position}})
	batch, err := m.ops.Stage(f.sequence)
	if err != nil {
		return err
	}
	m.ops.Embed(f.x, m.decoder.embed, batch)
	if m.config.MRoPE && len(images) > 0 {
		m.ops.Write(f.angles, m.decoder.anglesAt(len(ids), images, p.Visual.grids, p.KV.Position))
	} else {
		m.ops.Angles(f.angles, m.decoder.inverse, batch)
	}
	if len(images) > 0 {
		m.ops.Scatter(f.x, p.Visual.rows.Top(len(images)), images)
		if err := m.keepDeep(p.Visual, images); err != nil {
			return err
		}
	}
	m.note("text", 0, f.x)
	return m.ops.Refused()
}

// Advance takes the next rows of the present layer through it, most at once, and returns how many are left, over all layers. With
// the last ones the first token of the answer is chosen, and end says where. Layers come one after the other, each with all
// rows of the prompt: only so can the watcher compact a layer before the next one takes its pages. Between two calls other
// steps may run.
func (m *LLaVA) Advance(most int) (end Step, left int, err error) {
	f := &m.prompt
	rows := len(f.Tokens)
	if rows == 0 || most < 1 {
		return end, 0, fmt.Errorf("prefilling: no prompt was begun, or %d rows are none", most)
	}
	if err = m.advance(min(most, longestUnit)); err == nil {
		left = rows*(m.config.Layers-f.layer) - f.from
	}
	if err == nil && left == 0 {
		end, err = m.endPrompt()
	}
	if err != nil || left == 0 {
		f.Tokens, f.Watcher = nil, nil
	}
	if err != nil {
		return Step{}, 0, fmt.Errorf("prefilling %d tokens: %w", rows, err)
	}
	return end, left, nil
}

func (m *LLaVA) advance(most int) error {
	f := &m.prompt
	if f.from == 0 {
		if err := m.beginLayer(); err != nil {
			return err
		}
	}
	to := f.unitEnd(most)
	if err := m.runUnit(f.from, to); err != nil {
		return err
	}
	f.from = to
	if to < len(f.Tokens) {
		return m.ops.Refused()
	}
	m.addDeep(f.layer)
	m.note("text", f.layer+1, f.x)
	if err := m.show(); err != nil {
		return err
	}
	f.layer, f.from = f.layer+1, 0
	return m.ops.Refused()
}

// unitEnd is where the unit from f.from on ends: most rows further, or at the next cut.
func (f *prefill) unitEnd(most int) int {
	to := min(f.from+most, len(f.Tokens))
	for _, cut := range f.Cuts {
		if cut > f.from {
			return min(to, cut)
		}
	}
	return to
}

// beginLayer gets the layer's pages and the memory of its queries. All layers' queries lie in the same place, one after the other,
// unless they are saved.
func (m *LLaVA) beginLayer() error {
	f := &m.prompt
	f.observed = 0
	if f.Watcher == nil {
		return nil
	}
	if err := f.Watcher.Before(f.layer); err != nil {
		return errors.Join(err, m.ops.Sync())
	}
	if len(f.Observe) == 0 {
		return nil
	}
	layers, layer := 1, 0
	if f.Save {
		layers, layer = m.config.Layers, f.layer
	}
	var q [2]backend.Tensor
	if err := m.queries.top(q[:], layers*len(f.Observe)); err != nil {
		return err
	}
	from, to := layer*len(f.Observe), (layer+1)*len(f.Observe)
	f.queries = q[0].Slice(from, to)
	if f.Save {
		f.sums = q[1].Slice(from, to)
		f.saved.queries, f.saved.sums = append(f.saved.queries, f.queries), append(f.saved.sums, f.sums)
	}
	return nil
}

// runUnit takes rows from..to of the prompt through the present layer.
func (m *LLaVA) runUnit(from, to int) error {
	f := &m.prompt
	clear(f.table)
	kv := f.KV.Layers[f.layer]
	f.table[f.layer] = backend.LayerKV{Pages: kv.Pages, Len: kv.Len + from}
	f.sequence = append(f.sequence[:0], backend.Sequence{Rows: to - from, Slot: backend.NoSlot,
		KV: backend.KVView{Position: f.KV.Position + from, Layers: f.table}})
	batch, err := m.ops.Stage(f.sequence)
	if err != nil {
		return err
	}
	var v [5]backend.Tensor
	if err := m.decoder.unit.top(v[:], to-from); err != nil {
		return err
	}
	s := rowSpace{f.x.Slice(from, to), f.angles.Slice(from, to), v[0], v[1], v[2], v[3], v[4], backend.Tensor{}}
	first := f.observed
	m.listObserved(from, to)
	if f.Save && len(m.ids) > 0 {
		var sums [1]backend.Tensor
		if err := m.decoder.sums.top(sums[:], to-from); err != nil {
			return err
		}
		s.sums = sums[0]
	}
	m.decoder.block(f.layer, batch, &s)
	if len(m.ids) > 0 {
		m.ops.Gather(f.queries.Slice(first, f.observed), s.qkv, m.ids)
	}
	if !s.sums.None() {
		m.ops.Gather(f.sums.Slice(first, f.observed), s.sums, m.ids)
	}
	return nil
}

// listObserved leaves in m.ids which of the rows from..to are observed.
func (m *LLaVA) listObserved(from, to int) {
	f := &m.prompt
	m.ids = m.ids[:0]
	if f.Watcher == nil {
		return
	}
	for f.observed < len(f.Observe) && int(f.Observe[f.observed]) < to {
		m.ids = append(m.ids, f.Observe[f.observed]-int32(from))
		f.observed++
	}
}

// show lets the watcher see a layer that has run.
func (m *LLaVA) show() error {
	f := &m.prompt
	if f.Watcher == nil {
		return nil
	}
	before := f.KV.Layers[f.layer]
	o := &Observed{Layer: f.layer, kv: backend.LayerKV{Pages: before.Pages, Len: before.Len + len(f.Tokens)}}
	if len(f.Observe) > 0 {
		o.queries = f.queries
		for _, row := range f.Observe {
			o.rows = append(o.rows, int32(before.Len)+row)
		}
		if f.Save {
			return f.Watcher.After(o)
		}
		if err := m.ops.Sync(); err != nil { // the time until here is the prompt's, not the scores'
			return err
		}
	}
	return f.Watcher.After(o)
}

// endPrompt chooses from the last row.
func (m *LLaVA) endPrompt() (Step, error) {
	f := &m.prompt
	logits, err := m.decoder.answerFrom(f.x.Slice(f.x.Rows-1, f.x.Rows))
	if err != nil {
		return Step{}, err
	}
	f.sequence = append(f.sequence[:0], backend.Sequence{Rows: 1, Slot: f.Slot, Draw: f.Draw})
	batch, err := m.ops.Stage(f.sequence)
	if err != nil {
		return Step{}, err
	}
	m.ops.Sample(logits, batch)
	return Step{Batch: batch, logits: logits, sequences: 1}, m.ops.Refused()
}
