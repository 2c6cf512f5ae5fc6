package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// tower is a SigLIP or CLIP vision tower, or an InternViT: patches, learned positions, pre-norm layers whose rows all see each other. The features
// that LLaVA takes are hidden states before the closing norm, so that norm is not here.
type tower struct {
	visionSettings
	ops *backend.Checked

	embed, embedBias, position backend.Tensor
	class, pre, preBias        backend.Tensor // of towers with a class token: see class_token.go
	blocks                     []towerBlock

	space workspace
}

type towerBlock struct {
	norm1, norm1Bias, norm2, norm2Bias backend.Tensor
	qkv, qkvBias, out, outBias         backend.Tensor
	fc1, fc1Bias, fc2, fc2Bias         backend.Tensor
	queryNorm, keyNorm                 backend.Tensor // of some InternViTs
}

// towerSpace are the activations of one pass.
type towerSpace struct{ x, normed, qkv, attended, inner backend.Tensor }

func loadTower(l *loader, s visionSettings) *tower {
	at := l.prefix("vision tower", "embeddings.patch_embedding.weight", "model.vision_tower.vision_model.", "vision_tower.vision_model.",
		"model.vision_tower.", "vision_tower.")
	d, h, in := s.hidden, s.shape(), s.channels*s.patch*s.patch
	t := &tower{visionSettings: s, ops: l.ops,
		embed:    l.reshaped(at+"embeddings.patch_embedding.weight", d, in, d, s.channels, s.patch, s.patch),
		position: l.matrix(at+"embeddings.position_embedding.weight", s.rows(), d),
		space:    workspace{ops: l.ops, columns: working(d, d, h.Width(), d, s.intermediate)},
	}
	if s.class {
		t.class = l.vector(at+"embeddings.class_embedding", d)
		t.pre, t.preBias = l.vector(at+"pre_layrnorm.weight", d), l.vector(at+"pre_layrnorm.bias", d)
	} else {
		t.embedBias = l.vector(at+"embeddings.patch_embedding.bias", d)
	}
	for i := range s.layers {
		p := fmt.Sprintf("%sencoder.layers.%d.", at, i)
		b := towerBlock{
			norm1: l.vector(p+"layer_norm1.weight", d), norm1Bias: l.vector(p+"layer_norm1.bias", d),
			norm2: l.vector(p+"layer_norm2.weight", d), norm2Bias: l.vector(p+"layer_norm2.bias", d),
			out: l.matrix(p+"self_attn.out_proj.weight", d, d), outBias: l.vector(p+"self_attn.out_proj.bias", d),
			fc1: l.matrix(p+"mlp.fc1.weight", s.intermediate, d), fc1Bias: l.vector(p+"mlp.fc1.bias", s.intermediate),
			fc2: l.matrix(p+"mlp.fc2.weight", d, s.intermediate), fc2Bias: l.vector(p+"mlp.fc2.bias", d),
		}
		b.qkv, b.qkvBias = l.qkv(p+"self_attn.", h, d), l.qkvBias(p+"self_attn.", h)
		t.blocks = append(t.blocks, b)
	}
	return t
}

// run shows the patches of some tiles to the tower and hands each wanted hidden state to take: 0 is the embeddings, i the output of
// layer i. The tensor is valid during the call only.
func (t *tower) run(patches backend.Tensor, last int, take func(state int, x backend.Tensor)) error {
	tiles := patches.Rows / t.patches()
	var views [5]backend.Tensor
	if err := t.space.top(views[:], tiles*t.rows()); err != nil {
		return err
	}
	s := towerSpace{views[0], views[1], views[2], views[3], views[4]}
	if t.class.None() {
		t.ops.Linear(s.x, patches, t.embed, t.embedBias, false)
		t.ops.Add(s.x, t.position)
	} else {
		t.embedBehindClass(&s, patches, tiles)
	}
	take(0, s.x)
	for i := range t.blocks[:last] {
		t.block(&t.blocks[i], &s, tiles)
		take(i+1, s.x)
	}
	return nil
}

func (t *tower) block(b *towerBlock, s *towerSpace, tiles int) {
	t.norm(s.normed, s.x, b.norm1, b.norm1Bias)
	t.ops.Linear(s.qkv, s.normed, b.qkv, b.qkvBias, false)
	if !b.queryNorm.None() {
		t.ops.NormHeads(s.qkv, b.queryNorm, b.keyNorm, headEps, t.shape())
	}
	t.ops.Mix(s.attended, s.qkv, tiles, t.shape())
	t.ops.Linear(s.x, s.attended, b.out, b.outBias, true)

	t.norm(s.normed, s.x, b.norm2, b.norm2Bias)
	t.ops.Linear(s.inner, s.normed, b.fc1, b.fc1Bias, false)
	t.ops.Activate(s.inner, t.act)
	t.ops.Linear(s.x, s.inner, b.fc2, b.fc2Bias, true)
}

// norm is a layer norm, or an RMS norm where there is no bias.
func (t *tower) norm(dst, x, weight, bias backend.Tensor) {
	if bias.None() {
		t.ops.RMSNorm(dst, x, weight, t.eps)
	} else {
		t.ops.LayerNorm(dst, x, weight, bias, t.eps)
	}
}

const headEps = 1e-6 // of InternViT's norms of queries and keys, in no file

// accepts says why a picture does not fit.
func (v *visionSettings) accepts(px image.Pixels) error {
	if px.C != v.channels || px.H != v.image || px.W != v.image {
		return fmt.Errorf("the picture is %d x %d x %d (channels, height, width), %d x %d x %d wanted", px.C, px.H, px.W, v.channels, v.image, v.image)
	}
	if n := px.C * px.H * px.W; px.Values() == 0 || px.Values()%n != 0 {
		return fmt.Errorf("the picture has %d values, %d wanted for each tile", px.Values(), n)
	}
	return nil
}
