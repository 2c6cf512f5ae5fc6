package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

// decoder is a Llama or one of its kind: RMS norms, rotated heads, a gated MLP; some have biases on qkv or norms of heads (text_kinds.go).
type decoder struct {
	textSettings
	ops *backend.Checked

	embed, norm, head backend.Tensor
	blocks            []decoderBlock
	inverse           backend.Tensor // rotation per position of each pair
	axisOf            []uint8        // of M-RoPE: the axis that each pair follows
	turns             turns          // and how far it turns

	// Prompts and decode steps take turns, so each has activations of its own.
	stream workspace // a prompt's residual rows and angles, all of them
	unit   workspace // what a layer makes of some of them
	sums   workspace // of their attention, where they are saved
	result workspace // the rows that a prompt is answered from

	steps  workspace // of a decode step, whole
	step   stepSpace // the present one
	batch  backend.Batch
	record func() // stepOps, made once: a method value allocates
}

type decoderBlock struct {
	norm1, norm2 backend.Tensor
	qkv, qkvBias backend.Tensor
	query, key   backend.Tensor // norms of each head, of some
	out          backend.Tensor
	gateUp, down backend.Tensor
}

// rowSpace is what a layer works on: some rows.
type rowSpace struct {
	x, angles                            backend.Tensor // of these rows
	normed, qkv, attended, gateUp, gated backend.Tensor
	sums                                 backend.Tensor // of the attention, where they are wanted: see backend.Attention
}

// stepSpace is a whole decode step's.
type stepSpace struct {
	rowSpace
	logits backend.Tensor
}

func loadDecoder(l *loader, s textSettings) *decoder {
	at := l.prefix("language model", "embed_tokens.weight", "model.language_model.", "language_model.model.", "model.language_model.model.", "model.")
	d, h := s.hidden, s.heads
	t := &decoder{textSettings: s, ops: l.ops, inverse: l.exact(s.rope.inverse(h.Dim)),
		embed: l.matrix(at+"embed_tokens.weight", s.vocab, d), norm: l.vector(at+"norm.weight", d),
	}
	if s.rope.sections != nil {
		t.axisOf, t.turns = s.rope.axisOf(), turns{inverse: s.rope.inverse(h.Dim)}
	}
	t.record = t.stepOps
	t.workspaces()
	t.head = t.embed
	if !s.tied {
		t.head = l.matrix(l.prefix("output head", "lm_head.weight", "", "language_model.", "model.")+"lm_head.weight", s.vocab, d)
	}
	for i := range s.layers {
		p := fmt.Sprintf("%slayers.%d.", at, i)
		b := decoderBlock{
			norm1: l.vector(p+"input_layernorm.weight", d), norm2: l.vector(p+"post_attention_layernorm.weight", d),
			out:    l.matrix(p+"self_attn.o_proj.weight", d, h.Query*h.Dim),
			gateUp: l.stack(d, part{p + "mlp.gate_proj.weight", s.intermediate}, part{p + "mlp.up_proj.weight", s.intermediate}),
			down:   l.matrix(p+"mlp.down_proj.weight", d, s.intermediate),
		}
		b.qkv = l.qkv(p+"self_attn.", h, d)
		if s.qkvBias {
			b.qkvBias = l.qkvBias(p+"self_attn.", h)
		}
		if s.qkNorm {
			b.query, b.key = l.vector(p+"self_attn.q_norm.weight", h.Dim), l.vector(p+"self_attn.k_norm.weight", h.Dim)
		}
		t.blocks = append(t.blocks, b)
	}
	return t
}

func (d *decoder) workspaces() {
	h := d.heads
	stream := []column{{d.hidden, backend.Working}, {h.Dim, backend.Exact}}
	unit := []column{{d.hidden, backend.Working}, {h.Width(), backend.Working}, {h.Query * h.Dim, backend.Working},
		{2 * d.intermediate, backend.Working}, {d.intermediate, backend.Working}}
	logits := column{d.vocab, backend.Exact}
	d.sums = workspace{ops: d.ops, columns: []column{{h.Query, backend.Exact}}}
	d.stream, d.unit = workspace{ops: d.ops, columns: stream}, workspace{ops: d.ops, columns: unit}
	d.result = workspace{ops: d.ops, columns: []column{{d.hidden, backend.Working}, logits}}
	d.steps = workspace{ops: d.ops, columns: append(append(stream[:2:2], unit...), logits)}
}

// beginStep prepares a decode step's memory. It allocates only when the step is longer than any before.
func (d *decoder) beginStep(b backend.Batch) error {
	var v [8]backend.Tensor
	if err := d.steps.top(v[:], b.Rows()); err != nil {
		return err
	}
	d.batch, d.step = b, stepSpace{rowSpace{v[0], v[1], v[2], v[3], v[4], v[5], v[6], backend.Tensor{}}, v[7]}
	return nil
}

// stepOps is all that the device does in a decode step: tokens in, tokens out.
func (d *decoder) stepOps() {
	s := &d.step
	d.ops.Embed(s.x, d.embed, d.batch)
	d.ops.Angles(s.angles, d.inverse, d.batch)
	for layer := range d.blocks {
		d.block(layer, d.batch, &s.rowSpace)
	}
	d.predict(s.logits, s.normed, s.x)
	d.ops.Sample(s.logits, d.batch)
}

// block runs one layer over some rows. Afterwards s.qkv still holds their rotated queries.
func (d *decoder) block(layer int, batch backend.Batch, s *rowSpace) {
	b := &d.blocks[layer]
	d.ops.RMSNorm(s.normed, s.x, b.norm1, d.eps)
	d.ops.Linear(s.qkv, s.normed, b.qkv, b.qkvBias, false)
	if !b.query.None() {
		d.ops.NormHeads(s.qkv, b.query, b.key, d.eps, d.heads)
	}
	d.ops.Append(s.qkv, s.angles, layer, batch, d.heads)
	d.ops.Attend(s.attended, s.sums, s.qkv, layer, batch, d.heads)
	d.ops.Linear(s.x, s.attended, b.out, backend.Tensor{}, true)

	d.ops.RMSNorm(s.normed, s.x, b.norm2, d.eps)
	d.ops.Linear(s.gateUp, s.normed, b.gateUp, backend.Tensor{}, false)
	d.ops.GatedSiLU(s.gated, s.gateUp)
	d.ops.Linear(s.x, s.gated, b.down, backend.Tensor{}, true)
}

// predict turns hidden rows [rows, hidden] into logits [rows, vocab].
func (d *decoder) predict(logits, normed, x backend.Tensor) {
	d.ops.RMSNorm(normed, x, d.norm, d.eps)
	d.ops.Linear(logits, normed, d.head, backend.Tensor{}, false)
}

// answerFrom predicts from a prompt's rows. The logits are valid until the next call.
func (d *decoder) answerFrom(x backend.Tensor) (backend.Tensor, error) {
	var v [2]backend.Tensor
	if err := d.result.top(v[:], x.Rows); err != nil {
		return backend.Tensor{}, err
	}
	d.predict(v[1], v[0], x)
	return v[1], nil
}
