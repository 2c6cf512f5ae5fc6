package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/image"
)

// internVision is InternVL's (arXiv 2404.16821, 2504.10479): InternViT over each tile, merge x merge patches side by side as
// one row (its pixel shuffle), and a projector of a norm and two linears. Tiles follow each other, the thumbnail last.
//
//	tile [3, 448, 448] -> patches [1024, 588] -> layers [1025, 1024] -> merged [256, 4096] -> rows [256, hidden]
type internVision struct {
	internSettings
	ops    *backend.Checked
	cutter *cutter
	tower  *tower

	norm, normBias             backend.Tensor
	fc1, fc1Bias, fc2, fc2Bias backend.Tensor
	groups, merged             workspace // rows of a pass: by patch, merged
}

func (s *internSettings) load(l *loader, c *cutter, hidden int) sight {
	wide := s.hidden * s.merge * s.merge
	at := l.prefix("projector", "layer_norm.weight", "model.multi_modal_projector.", "multi_modal_projector.")
	return &internVision{internSettings: *s, ops: l.ops, cutter: c, tower: s.loadTower(l),
		norm: l.vector(at+"layer_norm.weight", wide), normBias: l.vector(at+"layer_norm.bias", wide),
		fc1: l.matrix(at+"linear_1.weight", hidden, wide), fc1Bias: l.vector(at+"linear_1.bias", hidden),
		fc2: l.matrix(at+"linear_2.weight", hidden, hidden), fc2Bias: l.vector(at+"linear_2.bias", hidden),
		groups: workspace{ops: l.ops, columns: working(s.hidden)},
		merged: workspace{ops: l.ops, columns: working(wide, hidden)},
	}
}

// loadTower fills the tower with InternViT's names. What scales a layer's branches before they are added is multiplied into their
// last weights, in float32.
func (s *internSettings) loadTower(l *loader) *tower {
	at := l.prefix("vision tower", "embeddings.patch_embeddings.projection.weight", "model.vision_tower.", "vision_tower.")
	d, h, p := s.hidden, s.visionSettings.shape(), s.visionSettings.patch
	t := &tower{visionSettings: s.visionSettings, ops: l.ops,
		embed:     l.reshaped(at+"embeddings.patch_embeddings.projection.weight", d, s.channels*p*p, d, s.channels, p, p),
		embedBias: l.vector(at+"embeddings.patch_embeddings.projection.bias", d),
		position:  l.reshaped(at+"embeddings.position_embeddings", s.rows(), d, 1, s.rows(), d),
		class:     l.reshaped(at+"embeddings.cls_token", 1, d, 1, 1, d),
		space:     workspace{ops: l.ops, columns: working(d, d, h.Width(), d, s.intermediate)},
	}
	for i := range s.layers {
		t.blocks = append(t.blocks, s.loadBlock(l, fmt.Sprintf("%sencoder.layer.%d.", at, i)))
	}
	return t
}

func (s *internSettings) loadBlock(l *loader, p string) towerBlock {
	d, h := s.hidden, s.visionSettings.shape()
	b := towerBlock{norm1: l.vector(p+"layernorm_before.weight", d), norm2: l.vector(p+"layernorm_after.weight", d),
		qkv: l.qkv(p+"attention.", h, d),
		out: l.scaled(p+"attention.projection_layer.weight", p+"lambda_1", d, d), outBias: l.scaled(p+"attention.projection_layer.bias", p+"lambda_1", d, 0),
		fc1: l.matrix(p+"mlp.fc1.weight", s.intermediate, d), fc1Bias: l.vector(p+"mlp.fc1.bias", s.intermediate),
		fc2: l.scaled(p+"mlp.fc2.weight", p+"lambda_2", d, s.intermediate), fc2Bias: l.scaled(p+"mlp.fc2.bias", p+"lambda_2", d, 0)}
	if !s.rmsNorm {
		b.norm1Bias, b.norm2Bias = l.vector(p+"layernorm_before.bias", d), l.vector(p+"layernorm_after.bias", d)
	}
	if s.qkvBias {
		b.qkvBias = l.qkvBias(p+"attention.", h)
	}
	if s.qkNorm {
		b.queryNorm, b.keyNorm = l.vector(p+"attention.q_norm.weight", d), l.vector(p+"attention.k_norm.weight", d)
	}
	return b
}

func (s *internSettings) depth() int { return 0 }

// accepts tiles of the tower's size.
func (v *internVision) accepts(px image.Pixels) error {
	if err := v.tower.accepts(px); err != nil {
		return err
	}
	if px.Layout != nil {
		return fmt.Errorf("the picture has a layout, this model wants none")
	}
	return nil
}

// tilesPerPass is as many as a prompt's unit has rows.
func (v *internVision) tilesPerPass() int {
	if !v.ops.Asynchronous() {
		return hostTiles
	}
	return max(1, longestUnit/v.rows())
}

// mostTiles is a picture's: 12 and the thumbnail, in all published models.
const mostTiles = 13

func (v *internVision) reserve() error {
	tiles := v.tilesPerPass()
	if err := v.cutter.space.reserve(max(tiles, mostTiles) * v.patches()); err != nil {
		return err
	}
	if err := v.tower.space.reserve(tiles * v.rows()); err != nil {
		return err
	}
	if err := v.groups.reserve(tiles * v.patches()); err != nil {
		return err
	}
	return v.merged.reserve(tiles * v.perTile())
}

func (v *internVision) encode(dst backend.Tensor, px []image.Pixels) error {
	patches, err := v.cutter.cut(px)
	if err != nil {
		return err
	}
	tiles := tilesOf(px)
	passes := (tiles + v.tilesPerPass() - 1) / v.tilesPerPass()
	for pass := range passes {
		from, to := tiles*pass/passes, tiles*(pass+1)/passes
		if err := v.run(dst.Slice(from*v.perTile(), to*v.perTile()), patches.Slice(from*v.patches(), to*v.patches()), to-from); err != nil {
			return err
		}
	}
	return v.ops.Refused()
}

// run takes some tiles through the tower and the projector.
func (v *internVision) run(dst, patches backend.Tensor, tiles int) error {
	var groups [1]backend.Tensor
	if err := v.groups.top(groups[:], patches.Rows); err != nil {
		return err
	}
	if err := v.tower.run(patches, v.state, func(state int, x backend.Tensor) {
		if state == v.state {
			v.ops.Gather(groups[0], x, v.shuffled(tiles))
		}
	}); err != nil {
		return err
	}
	var m [2]backend.Tensor
	if err := v.merged.top(m[:], tiles*v.perTile()); err != nil {
		return err
	}
	v.ops.LayerNorm(m[0], groups[0].Fold(v.merge*v.merge), v.norm, v.normBias, projectorEps)
	v.ops.Linear(m[1], m[0], v.fc1, v.fc1Bias, false)
	v.ops.Activate(m[1], v.projectorAct)
	v.ops.Linear(dst, m[1], v.fc2, v.fc2Bias, false)
	return v.ops.Refused()
}

const projectorEps = 1e-5 // of the projector's norm, in no file

// shuffled are the rows of all tiles without their class tokens, those of one merged row after each other.
func (v *internVision) shuffled(tiles int) []int32 {
	side := v.image / v.visionSettings.patch / v.merge
	order := arrange(image.Size{Height: side, Width: side}, v.merge, 0).patches
	rows := make([]int32, 0, tiles*len(order))
	for tile := range tiles {
		for _, patch := range order {
			rows = append(rows, int32(tile*v.rows()+1)+patch)
		}
	}
	return rows
}
