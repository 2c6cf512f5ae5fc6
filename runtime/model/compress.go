package model

import (
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
)

// Compaction is what a device is to make of a whole prompt.
type Compaction struct {
	Options  compress.Options
	Permille int
	Prompt   compress.Prompt
	Sources  []backend.LayerKV // the prompt, in all layers
	Pages    []int32           // fresh ones, for what stays; none: it is only scored
}

// Compresses reports whether the device decides by these options itself.
func (m *LLaVA) Compresses(o compress.Options) bool { return m.ops.Compresses(o) }

// Compress compacts the prompt that has just ended and saved what it needs (Prompt.Save). It does not wait; the next prompt must
// not begin before Result.
func (m *LLaVA) Compress(c Compaction) (backend.Ticket, error) {
	if saved := len(m.prompt.saved.queries); saved != m.config.Layers || len(c.Sources) != saved {
		return nil, fmt.Errorf("compressing a prompt of %d layers: the queries of %d were saved", len(c.Sources), saved)
	}
	t, err := m.ops.Compress(backend.Compression{Options: c.Options, Permille: c.Permille, Heads: m.decoder.heads, Prompt: c.Prompt,
		Sources: c.Sources, Queries: m.prompt.saved.queries, Sums: m.prompt.saved.sums, Pages: c.Pages})
	if err != nil {
		return nil, fmt.Errorf("compressing a prompt of %d tokens: %w", c.Prompt.Rows, err)
	}
	return t, nil
}
