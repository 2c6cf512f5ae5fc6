package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
)

type qwenBlock struct {
	norm1, norm1Bias, norm2, norm2Bias backend.Tensor // biases of layer norms only
	qkv, qkvBias, out, outBias         backend.Tensor
	up, upBias, down, downBias         backend.Tensor // up is gate and up, where it is gated
}

type qwenMerger struct{ norm, normBias, fc1, fc1Bias, fc2, fc2Bias backend.Tensor } // norm is of a patch's width, or of a row's

func (s *qwenSettings) load(l *loader, c *cutter, hidden int) sight {
	at := l.prefix("vision tower", "patch_embed.proj.weight", "model.visual.", "visual.")
	d, h := s.hidden, s.shape()
	up, wide := s.intermediate, d*s.merge*s.merge
	if s.gated {
		up *= 2
	}
	t := &qwenTower{qwenSettings: *s, ops: l.ops, cutter: c, turns: turns{inverse: s.rope.inverse(h.Dim / 2)},
		embed:  l.frames(at+"patch_embed.proj.weight", d, s.channels, s.frames, s.side),
		merger: s.loadMerger(l, at+"merger.", d, hidden),
		space:  workspace{ops: l.ops, columns: append(working(d, d, h.Width(), d, up, s.intermediate), column{h.Dim, backend.Exact})},
		merged: workspace{ops: l.ops, columns: working(wide, hidden)},
	}
	for i := range s.deep {
		t.deepMerge = append(t.deepMerge, s.loadMerger(l, fmt.Sprintf("%sdeepstack_merger_list.%d.", at, i), wide, hidden))
	}
	if s.places > 0 {
		t.embedBias, t.place = l.vector(at+"patch_embed.proj.bias", d), l.matrix(at+"pos_embed.weight", s.places*s.places, d)
	}
	for i := range s.layers {
		t.blocks = append(t.blocks, s.loadBlock(l, fmt.Sprintf("%sblocks.%d.", at, i)))
	}
	return t
}

// loadMerger loads one whose norm sees so many values at once.
func (s *qwenSettings) loadMerger(l *loader, p string, normed, hidden int) qwenMerger {
	wide, n := s.hidden*s.merge*s.merge, s.names
	m := qwenMerger{norm: l.vector(p+n.mergerNorm+"weight", normed),
		fc1: l.matrix(p+n.merger1+"weight", wide, wide), fc1Bias: l.vector(p+n.merger1+"bias", wide),
		fc2: l.matrix(p+n.merger2+"weight", hidden, wide), fc2Bias: l.vector(p+n.merger2+"bias", hidden)}
	if !s.gated {
		m.normBias = l.vector(p+n.mergerNorm+"bias", normed)
	}
	return m
}

func (s *qwenSettings) loadBlock(l *loader, p string) qwenBlock {
	d, width := s.hidden, s.shape().Width()
	b := qwenBlock{norm1: l.vector(p+"norm1.weight", d), norm2: l.vector(p+"norm2.weight", d),
		qkv: l.matrix(p+"attn.qkv.weight", width, d), qkvBias: l.vector(p+"attn.qkv.bias", width),
		out: l.matrix(p+"attn.proj.weight", d, d), outBias: l.vector(p+"attn.proj.bias", d)}
	if s.gated {
		gate, up, down := p+"mlp.gate_proj.", p+"mlp.up_proj.", p+"mlp.down_proj."
		b.up = l.stack(d, part{gate + "weight", s.intermediate}, part{up + "weight", s.intermediate})
		b.upBias = l.chain(part{gate + "bias", s.intermediate}, part{up + "bias", s.intermediate})
		b.down, b.downBias = l.matrix(down+"weight", d, s.intermediate), l.vector(down+"bias", d)
		return b
	}
	b.norm1Bias, b.norm2Bias = l.vector(p+"norm1.bias", d), l.vector(p+"norm2.bias", d)
	b.up, b.upBias = l.matrix(p+s.names.fc1+"weight", s.intermediate, d), l.vector(p+s.names.fc1+"bias", s.intermediate)
	b.down, b.downBias = l.matrix(p+s.names.fc2+"weight", d, s.intermediate), l.vector(p+s.names.fc2+"bias", d)
	return b
}
