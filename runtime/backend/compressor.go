package backend

import (
	"cmp"
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/compress"
)

// Compressor is a Backend that scores, shares and compacts a whole prompt by itself: what policy AirCache decides (package
// compress is the oracle: the same rows are kept), without a word from the host in between. Where a backend is none, or does
// not know the options, prompts are compacted layer by layer through Scorer and Keep.
type Compressor interface {
	// Compresses reports whether the device knows the options.
	Compresses(o compress.Options) bool
	// Compress is queued like any op; host lists are read before it returns. Sources, queries and sums stay until Result.
	Compress(c Compression) (Ticket, error)
}

// Compression is one prompt, prefilled whole.
type Compression struct {
	Options  compress.Options
	Permille int
	Heads    Heads
	Prompt   compress.Prompt // Observe: cache row of every saved query

	Sources []LayerKV // the prompt's cache, all layers
	Queries []Tensor  // of each layer: [len(Observe), Query*Dim], rotated
	// Sums are what Attend made of the observed rows, of each layer: Exact [len(Observe), Query]. None: the device works them out,
	// which takes a pass over all keys.
	Sums []Tensor
	// Pages are fresh ones, enough for any spread of the kept rows: layer 0 fills the first of them, layer 1 goes on behind
	// the last page that layer 0 has begun, and so on. None: nothing is evicted or copied, only scored.
	Pages []int32
}

// Ticket is a compression on its way.
type Ticket interface {
	// Result waits for this compression alone, not for what was given after it.
	Result() (Compressed, error)
}

// Compressed is what a device decided. Its lists may lie in the device's own memory: they are good until the next Compress.
type Compressed struct {
	Kept   []int     // visual rows of each layer; nil: all
	Elite  []int     // rows of each layer's observation window
	Scores []float32 // [layers, shown]: the importance of Prompt.Shown, for the recall curve; [layers, KV, shown] by KV head
}

// Compresses reports whether there is a device that does.
func (c *Checked) Compresses(o compress.Options) bool {
	to, ok := c.to.(Compressor)
	return ok && to.Compresses(o)
}

// Compress refuses wrong arguments at once.
func (c *Checked) Compress(x Compression) (Ticket, error) {
	to, ok := c.to.(Compressor)
	if !ok {
		return nil, errors.New("compressing a prompt: the backend does not")
	}
	if err := c.checkCompression(x); err != nil {
		return nil, fmt.Errorf("compressing a prompt: %w", err)
	}
	return to.Compress(x)
}

func (c *Checked) checkCompression(x Compression) error {
	if err := checkHeads("compress", x.Heads); err != nil {
		return err
	}
	if len(x.Sources) == 0 || len(x.Sources) != len(x.Queries) || x.Permille < 1 || x.Permille > compress.Everything {
		return fmt.Errorf("%d layers have %d saved queries, %d permille are to stay", len(x.Sources), len(x.Queries), x.Permille)
	}
	if len(x.Sums) != 0 && len(x.Sums) != len(x.Sources) {
		return fmt.Errorf("%d layers have the sums of %d", len(x.Sources), len(x.Sums))
	}
	p := x.Prompt
	for layer, kv := range x.Sources {
		if kv.Len != p.Rows {
			return fmt.Errorf("layer %d has %d rows, the prompt %d", layer, kv.Len, p.Rows)
		}
		if err := c.checkScore("compress", x.Queries[layer], kv, p.Observe, x.Heads); err != nil {
			return err
		}
		if len(x.Sums) == 0 {
			continue
		}
		if err := checkSums("compress", x.Sums[layer], len(p.Observe), x.Heads); err != nil || x.Sums[layer].None() {
			return cmp.Or(err, fmt.Errorf("compress: layer %d has no sums, others do", layer))
		}
	}
	if len(p.Visual) == 0 {
		return errors.New("it has no visual row")
	}
	if err := errors.Join(checkAscending("compress", "visual row", p.Visual, p.Rows), checkAscending("compress", "padding row", p.Padding, p.Rows)); err != nil {
		return err
	}
	if len(x.Pages) == 0 {
		return nil
	}
	q := compress.Quota{Visual: len(p.Visual), Layers: len(x.Sources), Permille: x.Permille}
	if want := LeastPages(len(x.Sources), p.Rows-len(p.Visual), q.Total(len(x.Sources))); len(x.Pages) < want {
		return fmt.Errorf("%d pages were given, the kept rows may need %d", len(x.Pages), want)
	}
	return checkRows("compress", "page", x.Pages, c.pool.Pages)
}

// LeastPages is the most pages that layers may need with so many rows each, and extra ones spread in any way.
func LeastPages(layers, each, extra int) int {
	return (layers*(each+PageTokens-1) + extra) / PageTokens
}
