package model

import (
	"fmt"
	"math"

	"aircache.dev/aircache/runtime/backend"
)

// decoder is Qwen2: RMS norms, biased qkv, rotated heads, a gated MLP.
type decoder struct {
	textSettings
	ops *backend.Checked

	embed, norm, head backend.Tensor
	blocks            []decoderBlock

	space    workspace // of all rows
	result   workspace // of the rows that are predicted from: one a sequence
	inverse  []float32 // rotation per position of each pair
	angles   []float32 // host: cosines and sines of one step's rows
	sequence []backend.Sequence
}

type decoderBlock struct {
	norm1, norm2 backend.Tensor
	qkv, qkvBias backend.Tensor
	out          backend.Tensor
	gateUp, down backend.Tensor
}

// step is one run through the layers: its sequences and its activations.
type step struct {
	sequences                                       []backend.Sequence
	x, normed, qkv, attended, gateUp, gated, angles backend.Tensor
}

func loadDecoder(l *loader, s textSettings) *decoder {
	at := l.prefix("language model", "embed_tokens.weight", "model.language_model.", "language_model.model.", "model.language_model.model.")
	d, h := s.hidden, s.heads
	t := &decoder{textSettings: s, ops: l.ops, inverse: inverseFrequencies(s.theta, h.Dim),
		embed: l.matrix(at+"embed_tokens.weight", s.vocab, d), norm: l.vector(at+"norm.weight", d),
		space:  workspace{ops: l.ops, columns: []int{d, d, h.Width(), h.Query * h.Dim, 2 * s.intermediate, s.intermediate, h.Dim}},
		result: workspace{ops: l.ops, columns: []int{d, s.vocab}},
	}
	t.head = t.embed
	if !s.tied {
		t.head = l.matrix(l.prefix("output head", "lm_head.weight", "", "language_model.", "model.")+"lm_head.weight", s.vocab, d)
	}
	for i := range s.layers {
		p := fmt.Sprintf("%slayers.%d.", at, i)
		b := decoderBlock{
			norm1: l.vector(p+"input_layernorm.weight", d), norm2: l.vector(p+"post_attention_layernorm.weight", d),
			out:    l.matrix(p+"self_attn.o_proj.weight", d, h.Query*h.Dim),
			gateUp: l.put(2*s.intermediate, d, l.read(p+"mlp.gate_proj.weight", s.intermediate, d), l.read(p+"mlp.up_proj.weight", s.intermediate, d)),
			down:   l.matrix(p+"mlp.down_proj.weight", d, s.intermediate),
		}
		b.qkv, b.qkvBias = l.qkv(p+"self_attn.", h, d)
		t.blocks = append(t.blocks, b)
	}
	return t
}

// inverseFrequencies are theta^(-2i/dim), rounded to float32 where transformers rounds.
func inverseFrequencies(theta float64, dim int) []float32 {
	f := make([]float32, dim/2)
	for i := range f {
		f[i] = 1 / float32(math.Pow(theta, float64(float32(2*i)/float32(dim))))
	}
	return f
}

// start prepares a step of all sequences' new rows. It allocates only when the step is longer than any before.
func (d *decoder) start(sequences []backend.Sequence) (step, error) {
	rows := 0
	for i := range sequences {
		rows += sequences[i].Rows
	}
	var v [7]backend.Tensor
	if err := d.space.top(v[:], rows); err != nil {
		return step{}, err
	}
	s := step{sequences, v[0], v[1], v[2], v[3], v[4], v[5], v[6]}
	d.ops.Write(s.angles, d.turn(sequences))
	return s, nil
}

// turn gives every row the cosines and sines of its logical position. The product is rounded to float32 first, as in
// transformers: at position 4000 that moves an angle by up to 1e-4.
func (d *decoder) turn(sequences []backend.Sequence) []float32 {
	d.angles = d.angles[:0]
	for i := range sequences {
		for r := range sequences[i].Rows {
			position := float32(sequences[i].KV.Position + r)
			for _, f := range d.inverse {
				d.angles = append(d.angles, float32(math.Cos(float64(position*f))))
			}
			for _, f := range d.inverse {
				d.angles = append(d.angles, float32(math.Sin(float64(position*f))))
			}
		}
	}
	return d.angles
}

// block runs one layer over s.x. Afterwards s.qkv still holds its rotated queries.
func (d *decoder) block(layer int, s *step) {
	b := &d.blocks[layer]
	d.ops.RMSNorm(s.normed, s.x, b.norm1, d.eps)
	d.ops.Linear(s.qkv, s.normed, b.qkv, b.qkvBias, false)
	d.ops.Rotate(s.qkv, s.angles, d.heads)
	d.ops.Append(s.qkv, layer, s.sequences, d.heads)
	d.ops.Attend(s.attended, s.qkv, layer, s.sequences, d.heads)
	d.ops.Linear(s.x, s.attended, b.out, backend.Tensor{}, true)

	d.ops.RMSNorm(s.normed, s.x, b.norm2, d.eps)
	d.ops.Linear(s.gateUp, s.normed, b.gateUp, backend.Tensor{}, false)
	d.ops.GatedSiLU(s.gated, s.gateUp)
	d.ops.Linear(s.x, s.gated, b.down, backend.Tensor{}, true)
}

// predict turns hidden rows [rows, hidden] into logits [rows, vocab], valid until the next call.
func (d *decoder) predict(x backend.Tensor) (backend.Tensor, error) {
	var v [2]backend.Tensor
	if err := d.result.top(v[:], x.Rows); err != nil {
		return backend.Tensor{}, err
	}
	normed, logits := v[0], v[1]
	d.ops.RMSNorm(normed, x, d.norm, d.eps)
	d.ops.Linear(logits, normed, d.head, backend.Tensor{}, false)
	return logits, nil
}
