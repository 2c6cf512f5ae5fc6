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
	if least := s.Admission(1, 0, true); pages < int64(least) {
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

// Admission is what a request may need at most: its prompt and its answer uncompressed, or, where the prompt may be
// compressed, its prompt in all layers and one layer's copy.
func (s Shape) Admission(promptRows, answerRows int, compresses bool) int {
	whole := s.Layers * s.PagesFor(promptRows+answerRows)
	if !compresses {
		return whole
	}
	return max(whole, (s.Layers+1)*s.PagesFor(promptRows))
}

// Remaining is what a sequence needs until its last row, given the rows that each layer holds now.
func (s Shape) Remaining(rows []int, answerRows int) int {
	pages := 0
	for _, n := range rows {
		pages += s.PagesFor(n + answerRows)
	}
	return pages
}
