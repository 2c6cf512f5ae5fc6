package model

import (
	"aircache.dev/aircache/runtime/backend"
)

// projector is LLaVA's: two linears with an activation between. The first one reads the chosen hidden states side by side;
// here it is cut by columns, one part a hidden state, and the products are summed.
type projector struct {
	projectorSettings
	ops *backend.Checked

	first             []backend.Tensor // per feature: [hidden, vision hidden]
	second            backend.Tensor
	bias1, bias2      backend.Tensor
	inner             workspace
	whole             workspace // rows of a pass, where some are left out
	last              int       // highest hidden state that is read
	hidden, fromTower int
}

func loadProjector(l *loader, s projectorSettings, fromTower, hidden int) *projector {
	at := l.prefix("projector", "linear_1.weight", "model.multi_modal_projector.", "multi_modal_projector.")
	p := &projector{projectorSettings: s, ops: l.ops, hidden: hidden, fromTower: fromTower,
		second: l.matrix(at+"linear_2.weight", hidden, hidden),
		inner:  workspace{ops: l.ops, columns: working(hidden)},
		whole:  workspace{ops: l.ops, columns: working(hidden)},
	}
	if s.bias {
		p.bias1, p.bias2 = l.vector(at+"linear_1.bias", hidden), l.vector(at+"linear_2.bias", hidden)
	}
	p.first = l.columns(at+"linear_1.weight", hidden, fromTower, len(s.features))
	for _, state := range s.features {
		p.last = max(p.last, state)
	}
	return p
}

// begin gives the function that adds hidden states to the first product, and the product.
func (p *projector) begin(rows int) (backend.Tensor, func(state int, x backend.Tensor), error) {
	var sum [1]backend.Tensor
	if err := p.inner.top(sum[:], rows); err != nil {
		return backend.Tensor{}, nil, err
	}
	started := false
	take := func(state int, x backend.Tensor) {
		for i, wanted := range p.features {
			if wanted != state {
				continue
			}
			bias := p.bias1
			if started {
				bias = backend.Tensor{}
			}
			p.ops.Linear(sum[0], x, p.first[i], bias, started)
			started = true
		}
	}
	return sum[0], take, nil
}

// finish writes the rows that the decoder reads.
func (p *projector) finish(dst, sum backend.Tensor) {
	p.ops.Activate(sum, p.act)
	p.ops.Linear(dst, sum, p.second, p.bias2, false)
}
