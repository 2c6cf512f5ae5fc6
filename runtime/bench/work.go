package bench

import "aircache.dev/aircache/runtime/model"

// Work is what a device has to do at least: every input read once, every result that stays written once.
type Work struct {
	Bytes     float64 `json:"bytes,omitempty"`
	Products  float64 `json:"flops,omitempty"`           // operations of matrix products with weights
	Attention float64 `json:"attention_flops,omitempty"` // operations of attention, which no library runs as fast
}

func (w Work) plus(o Work) Work {
	return Work{w.Bytes + o.Bytes, w.Products + o.Products, w.Attention + o.Attention}
}

func (w Work) times(n float64) Work { return Work{n * w.Bytes, n * w.Products, n * w.Attention} }

// Counter counts the work of one model. Value is the bytes of a number: 2 in bfloat16.
type Counter struct {
	model.Sizes
	Value float64
}

// layerValues are a decoder layer's weights: qkv, output, gate, up and down. Norms and biases are a ten-thousandth of that.
//
//	7B: 3584 * (28+2*4)*128 + 28*128 * 3584 + 3 * 3584*18944 = 29.36e6 + 203.69e6
func (c Counter) layerValues() float64 {
	width := float64((c.Heads + 2*c.KVHeads) * c.HeadDim)
	return float64(c.Hidden)*width + float64(c.Heads*c.HeadDim*c.Hidden) + 3*float64(c.Hidden*c.Intermediate)
}

// headValues are the weights of the last product, over the vocabulary.
func (c Counter) headValues() float64 { return float64(c.Vocab) * float64(c.Hidden) }

// StepBytes are the weights that a decode step reads, whatever its batch. Of the embeddings it reads a row a sequence: nothing.
//
//	7B in bfloat16: 2 * (28 * 233.05e6 + 0.545e9) = 14.14e9
func (c Counter) StepBytes() float64 {
	return c.Value * (float64(c.Layers)*c.layerValues() + c.headValues())
}

// RowBytes is a cached row of one layer: keys and values.
//
//	7B in bfloat16: 2 * 4 * 128 * 2 = 2048, or 57344 over 28 layers
func (c Counter) RowBytes() float64 { return 2 * float64(c.KVHeads*c.HeadDim) * c.Value }

// Decode is a step of a batch that reads so many cached rows, summed over sequences and layers.
//
//	7B, 32 sequences of 819 + 64 rows a layer: 14.14e9 + 32*883*57344 = 15.76e9 bytes, 5.25 ms at 3.0e12 bytes a second
func (c Counter) Decode(batch, rows int) Work {
	return Work{
		Bytes:     c.StepBytes() + float64(rows)*c.RowBytes(),
		Products:  2 * float64(batch) * (float64(c.Layers)*c.layerValues() + c.headValues()),
		Attention: 4 * float64(c.Heads*c.HeadDim) * float64(rows),
	}
}

// Prefill is a prompt of n tokens. Each row sees those before it and itself: half of n² scores.
//
//	7B, 8192 tokens: 107e12 of products, 13.5e12 of attention
func (c Counter) Prefill(n int) Work {
	rows, layers := float64(n), float64(c.Layers)
	return Work{
		Bytes:     c.StepBytes() + rows*layers*c.RowBytes(),
		Products:  2*rows*layers*c.layerValues() + 2*c.headValues(),
		Attention: 4 * float64(c.Heads*c.HeadDim) * layers * rows * (rows + 1) / 2,
	}
}

// Vision is the tower and the projector over some tiles. All rows of a tile see each other.
//
//	SigLIP-so400m at 384 pixels and the 7B's projector: 0.60e12 of products and 0.064e12 of attention a tile
func (c Counter) Vision(tiles int) Work {
	v := c.Sizes.Vision
	layers, rows, hidden := float64(v.Layers), float64(v.Patches), float64(v.Hidden)
	layer := 4*hidden*hidden + 2*hidden*float64(v.Intermediate)
	ends := float64(v.PatchValues)*hidden + float64(v.Features)*hidden*float64(c.Hidden) + float64(c.Hidden)*float64(c.Hidden)
	one := Work{Products: 2 * rows * (layers*layer + ends), Attention: 4 * hidden * layers * rows * rows}
	return one.times(float64(tiles)).plus(Work{Bytes: c.Value * (layers*layer + ends)})
}

// Compression is a prompt whose visual rows are scored by some text rows, all layers, with the kept ones copied. Keys are
// read once for all that asks them; values, too, where their lengths count. Copying reads and writes a kept row.
//
//	7B, 8192 visual and 64 text rows, 10 % kept: 237e6 bytes of keys, as many of values, 101e6 copied: 0.19 ms at 3.0e12
func (c Counter) Compression(visual, text, kept int, lengths bool) Work {
	layers, rows := float64(c.Layers), float64(visual+text)
	work := Work{
		Bytes:     layers * (rows*c.RowBytes()/2 + 2*float64(kept+text)*c.RowBytes()),
		Attention: 2 * float64(c.Heads*c.HeadDim) * layers * float64(text) * rows,
	}
	if lengths {
		work.Bytes += layers * float64(visual) * c.RowBytes() / 2
	}
	return work
}
