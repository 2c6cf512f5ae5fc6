package cuda

import (
	"fmt"
	"slices"
	"unsafe"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/sampling"
)

// batch is a staged step.
type batch struct {
	id        int32 // the library's
	rows      int
	sequences int
	vocab     int   // of the logits that it was sampled from; 0: it was not
	tops      []int // alternatives wanted of each sequence
	choices   []sampling.Choice
}

func (b *batch) Rows() int { return b.rows }

// buckets are the sizes of decode steps, each a graph of its own; beyond them it is every 64.
var buckets = []int{1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256}

// Bucket rounds n up.
//
//	3 -> 4,  17 -> 24,  257 -> 320
func (b *Backend) Bucket(n int) int {
	if i, _ := slices.BinarySearch(buckets, n); i < len(buckets) {
		return buckets[i]
	}
	return (n + 63) / 64 * 64
}

// Stage packs a step into pinned memory and sends it off in one copy.
func (b *Backend) Stage(s []backend.Sequence) (backend.Batch, error) {
	if b.lost != nil {
		return nil, b.lost
	}
	p := &b.stage
	*p = stageParams{size: size(p), context: b.context, sequences: int32(len(s))}
	measure(p, s)
	if code := b.library.call(b.library.stageBegin, unsafe.Pointer(p)); code != codeOK {
		return nil, fmt.Errorf("staging %d sequences: %w", len(s), b.failure(code))
	}
	fill(p, s)
	if code := b.library.call(b.library.stageEnd, unsafe.Pointer(p)); code != codeOK {
		return nil, fmt.Errorf("staging %d sequences: %w", len(s), b.failure(code))
	}
	if p.generation != b.generation {
		b.generation = p.generation
		b.dropGraphs(func(g *graph) bool { return g.handle != 0 })
	}
	if b.steps[b.staged].vocab > 0 {
		b.staged = (b.staged + 1) % len(b.steps)
	}
	step := &b.steps[b.staged]
	step.id, step.rows, step.sequences, step.vocab, step.tops = p.batch, int(p.rows), len(s), 0, step.tops[:0]
	for i := range s {
		step.tops = append(step.tops, min(s[i].Draw.Top, mostAlternatives))
	}
	return step, nil
}

// measure says how much there is to pack.
func measure(p *stageParams, s []backend.Sequence) {
	for i := range s {
		q := &s[i]
		p.rows += int32(q.Rows)
		p.layers = max(p.layers, int32(len(q.KV.Layers)))
		for _, kv := range q.KV.Layers {
			p.pageNumbers += int32(pagesOf(kv, q.Rows))
		}
	}
}

// pagesOf is how many page numbers the step needs of a layer; 0 where the layer is not of this step.
func pagesOf(kv backend.LayerKV, rows int) int {
	if len(kv.Pages) == 0 {
		return 0
	}
	return min(backend.Pages(kv.Len+rows), len(kv.Pages))
}

// fill writes the arrays, one sequence after the other; tables are [layer, sequence].
func fill(p *stageParams, s []backend.Sequence) {
	n, layers := len(s), int(p.layers)
	firstRow, slots, draws := list[int32](p.firstRow, n+1), list[int32](p.slot, n), list[draw](p.drawing, n)
	rowSequence, tokens, positions := list[int32](p.rowSequence, int(p.rows)), list[int32](p.token, int(p.rows)), list[int32](p.position, int(p.rows))
	cached, table, pages := list[int32](p.cached, layers*n), list[int32](p.table, layers*n), list[int32](p.page, int(p.pageNumbers))
	row, used := 0, 0
	for i := range s {
		q := &s[i]
		firstRow[i], slots[i] = int32(row), q.Slot
		d := &q.Draw
		draws[i] = draw{point: d.Point, temperature: float32(d.Temperature), topP: float32(d.TopP), topK: int32(d.TopK), top: int32(min(d.Top, mostAlternatives))}
		for r := range q.Rows {
			rowSequence[row], positions[row], tokens[row] = int32(i), int32(q.KV.Position+r), 0
			if len(q.Tokens) > 0 {
				tokens[row] = q.Tokens[r]
			}
			row++
		}
		for layer := range layers {
			at := layer*n + i
			cached[at], table[at] = 0, noPages
			if layer >= len(q.KV.Layers) {
				continue
			}
			kv := q.KV.Layers[layer]
			if need := pagesOf(kv, q.Rows); need > 0 {
				cached[at], table[at] = int32(kv.Len), int32(used)
				used += copy(pages[used:], kv.Pages[:need])
			}
		}
	}
	firstRow[n] = int32(row)
}

// noPages is AIRCACHE_NO_PAGES.
const noPages = -1

// step runs an entry point on the batch staged last.
func (b *Backend) step(entry uintptr, p stepParams) {
	b.call.step = p
	b.call.step.size, b.call.step.context = size(&b.call.step), b.context
	b.run(entry, unsafe.Pointer(&b.call.step))
}

func (b *Backend) Embed(dst, table backend.Tensor, _ backend.Batch) {
	b.step(b.library.embed, stepParams{dst: b.matrix(dst), x: b.matrix(table)})
}

func (b *Backend) Angles(dst, inverse backend.Tensor, _ backend.Batch) {
	b.step(b.library.angles, stepParams{dst: b.matrix(dst), x: b.matrix(inverse)})
}

func (b *Backend) Append(qkv, angles backend.Tensor, layer int, _ backend.Batch, h backend.Heads) {
	b.step(b.library.appendKV, stepParams{layer: int32(layer), x: b.matrix(qkv), angles: b.matrix(angles), heads: shapeOf(h)})
}

func (b *Backend) Attend(dst, sums, qkv backend.Tensor, layer int, _ backend.Batch, h backend.Heads) {
	b.step(b.library.attend, stepParams{layer: int32(layer), dst: b.matrix(dst), x: b.matrix(qkv), sums: b.matrix(sums), heads: shapeOf(h)})
}

func (b *Backend) Sample(logits backend.Tensor, _ backend.Batch) {
	b.step(b.library.sample, stepParams{x: b.matrix(logits)})
	if b.recording != nil {
		b.recording.vocab = logits.Cols
		return
	}
	b.steps[b.staged].vocab = logits.Cols
}

// Sampled waits for the copy that followed the batch's Sample.
func (b *Backend) Sampled(of backend.Batch) ([]sampling.Choice, error) {
	step := of.(*batch)
	if b.lost != nil {
		return nil, b.lost
	}
	p := &b.call.sampled
	*p = sampledParams{size: size(p), batch: step.id, context: b.context}
	if code := b.library.call(b.library.sampled, unsafe.Pointer(p)); code != codeOK {
		return nil, fmt.Errorf("waiting for a step's choices: %w", b.failure(code))
	}
	step.choices = slices.Grow(step.choices[:0], step.sequences)[:step.sequences]
	for i, c := range list[choice](p.choice, step.sequences) {
		to := &step.choices[i]
		to.Token, to.LogProb, to.Top = c.token, c.logProb, to.Top[:0]
		for j := range min(step.tops[i], step.vocab) {
			if c.token >= 0 {
				to.Top = append(to.Top, sampling.Alternative{Token: c.alternative[j], LogProb: c.alternativeLogProb[j]})
			}
		}
	}
	return step.choices, nil
}
