package kv

import "fmt"

// Shape is the size of a pool.
type Shape struct {
	Pages      int   // in all
	PageTokens int   // tokens of one layer in a page
	Layers     int   // of the model
	PageBytes  int64 // of one page
}

// ShapeFor is the largest pool that fits in a number of bytes.
func ShapeFor(bytes int64, layers, pageTokens int, bytesPerTokenLayer int64) (Shape, error) {
	if layers < 1 || pageTokens < 1 || bytesPerTokenLayer < 1 {
		return Shape{}, fmt.Errorf("sizing the KV cache: %d layers, %d tokens a page and %d bytes a token and layer must all be positive", layers, pageTokens, bytesPerTokenLayer)
	}
	s := Shape{PageTokens: pageTokens, Layers: layers, PageBytes: int64(pageTokens) * bytesPerTokenLayer}
	pages := bytes / s.PageBytes
	if least := s.Admission(Demand{Rows: 1}); pages < int64(least) {
		return Shape{}, fmt.Errorf("sizing the KV cache: %d bytes hold %d pages of %d bytes, the shortest prompt needs %d", bytes, max(pages, 0), s.PageBytes, least)
	}
	const most = 1 << 30 // page numbers are int32 on the device
	s.Pages = int(min(pages, most))
	return s, nil
}

// PagesFor is how many pages hold a number of rows of one layer.
func (s Shape) PagesFor(rows int) int { return (rows + s.PageTokens - 1) / s.PageTokens }

// Bytes of a number of pages.
func (s Shape) Bytes(pages int) int64 { return int64(pages) * s.PageBytes }

// Demand is what the pages of a request depend on.
type Demand struct {
	Rows   int  // of the prompt
	Answer int  // rows that follow at most
	Visual int  // rows of the prompt that may be evicted in each layer; 0: nothing is
	Kept   int  // visual rows that stay, over all layers
	Copied bool // the prompt is whole in all layers when what is kept is copied to fresh pages; else it is compacted layer by layer
}

// Admission is what a request may need at most. A prompt that is compressed layer by layer passes through one whole layer
// beside the kept rows of the layers before it, each with a row of rounding:
//
//	prefill   sum over L-1 layers of the kept rows, + pages(prompt)
//	answer    sum over L layers of the kept rows and the answer
//
// Where they are copied to fresh pages in the end, all layers are whole until then:
//
//	prefill   L * pages(prompt) + sum over L layers of the kept rows
//
// How the kept rows are spread over the layers is not known yet, so each layer may waste most of a page.
func (s Shape) Admission(d Demand) int {
	whole := s.Layers * s.PagesFor(d.Rows+d.Answer)
	if d.Visual == 0 || d.Kept >= d.Visual*s.Layers {
		return whole
	}
	text, before := d.Rows-d.Visual, s.Layers-1
	answer := s.spread(s.Layers, text+d.Answer, d.Kept)
	if d.Copied {
		return max(s.Layers*s.PagesFor(d.Rows)+s.Fresh(d), answer)
	}
	prefill := s.spread(before, text, min(d.Kept, before*d.Visual)+before) + s.PagesFor(d.Rows)
	return min(whole, max(prefill, answer))
}

// Hold is how many equal sequences the pool holds at once, where each is admitted after those before it have shrunk to what they
// keep: kept are the rows that stay in each layer of a prompt.
//
//	1000 pages, a prompt that passes through 94 and then needs 72: (1000 - 94) / 72 = 12 and the one that comes last
func (s Shape) Hold(d Demand, kept []int) int {
	first, each := s.Admission(d), s.Remaining(kept, d.Answer)
	if first > s.Pages {
		return 0
	}
	return 1 + (s.Pages-first)/max(1, each)
}

// Fresh is how many pages take the kept rows of a prompt, however they are spread.
func (s Shape) Fresh(d Demand) int { return s.spread(s.Layers, d.Rows-d.Visual, d.Kept) }

// spread is the most pages that layers take with so many rows each, and extra rows divided among them in any way: a layer of n
// rows takes at most (n + PageTokens-1) / PageTokens.
func (s Shape) spread(layers, each, extra int) int {
	return (layers*(each+s.PageTokens-1) + extra) / s.PageTokens
}

// Remaining is what a sequence needs until its last row, given the rows that each layer holds now.
func (s Shape) Remaining(rows []int, answerRows int) int {
	pages := 0
	for _, n := range rows {
		pages += s.PagesFor(n + answerRows)
	}
	return pages
}
