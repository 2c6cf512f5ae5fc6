package model

import "aircache.dev/aircache/runtime/backend"

// deepRows are what pictures add to a prompt's rows behind the decoder's first layers (DeepStack, arXiv 2406.04334).
type deepRows struct {
	lists  []backend.Tensor // one a layer, a row for each picture token
	at     backend.Tensor   // the prompt's rows of the picture tokens
	images []int32          // which those are
}

// keepDeep copies them, for the pictures' rows may be released once the prompt has begun.
func (m *LLaVA) keepDeep(v Visual, images []int32) error {
	if m.depth == 0 {
		return nil
	}
	n, f := v.Tokens, &m.prompt
	var space [1]backend.Tensor
	if err := m.deepSpace.top(space[:], (1+m.depth)*n); err != nil {
		return err
	}
	kept := space[0]
	m.ops.Gather(kept.Slice(n, kept.Rows), v.rows, upwards(n, m.depth*n))
	f.deep = deepRows{at: kept.Top(n), images: images}
	for i := range m.depth {
		f.deep.lists = append(f.deep.lists, kept.Slice((1+i)*n, (2+i)*n))
	}
	return nil
}

// addDeep adds a layer's.
func (m *LLaVA) addDeep(layer int) {
	f := &m.prompt
	if layer >= len(f.deep.lists) {
		return
	}
	m.ops.Gather(f.deep.at, f.x, f.deep.images)
	m.ops.Add(f.deep.at, f.deep.lists[layer])
	m.ops.Scatter(f.x, f.deep.at, f.deep.images)
}
