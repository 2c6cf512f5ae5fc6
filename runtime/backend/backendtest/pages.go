package backendtest

import (
	"bytes"
	"slices"

	"aircache.dev/aircache/runtime/backend"
)

// pagesToHost brings a cache to the host, lets others have its pages, and brings it back to other pages: a step over it reads what it
// read before, and the bytes are the same.
func (s *suite) pagesToHost() {
	for _, h := range s.shapes.Cache {
		for _, n := range []int{1, 31, 33, 257} {
			count := backend.Pages(n + 8)
			p := s.reserve(3*count+4, h)
			seq, past, _ := s.prompt(n, h, p)
			kv := &seq.KV.Layers[0]
			away := make([]byte, count*s.b.PageBytes(h))
			s.b.ReadPages(away, kv.Pages)
			neighbour, _, _ := s.prompt(n, h, p)
			beside := make([]byte, len(away))
			s.b.ReadPages(beside, neighbour.KV.Layers[0].Pages)
			s.b.WritePages(kv.Pages, make([]byte, len(away)))

			back := p.take(count)
			slices.Reverse(back)
			s.b.WritePages(back, away)
			again := make([]byte, len(away))
			s.b.ReadPages(again, back)
			unchanged := make([]byte, len(away))
			s.b.ReadPages(unchanged, neighbour.KV.Layers[0].Pages)
			if err := s.b.Sync(); err != nil {
				s.Fatal(err)
			}
			if !bytes.Equal(again, away) || !bytes.Equal(unchanged, beside) {
				s.Errorf("%s: the pages changed on their way, or others did", shape(n, count, h.Query, h.KV, h.Dim))
			}
			*kv = backend.LayerKV{Pages: back, Len: n}
			seq.Rows = 1
			s.step("decode after pages came back "+shape(n, count, h.Query, h.KV, h.Dim), h, 0, []backend.Sequence{seq}, []*history{past})
		}
	}
}

// manyPages are more than a backend moves at once.
func (s *suite) manyPages() {
	const count = 1300
	h := s.shapes.Cache[0]
	s.reserve(count, h)
	size := s.b.PageBytes(h)
	out := make([]byte, count*size)
	for i := range out {
		out[i] = byte(s.random.Uint32())
	}
	var pages []int32
	for _, page := range s.random.Perm(count) {
		pages = append(pages, int32(page))
	}
	s.b.WritePages(pages, out)
	back := make([]byte, len(out))
	s.b.ReadPages(back, pages)
	one := make([]byte, size)
	s.b.ReadPages(one, pages[count-1:])
	if err := s.b.Sync(); err != nil {
		s.Fatal(err)
	}
	if !bytes.Equal(back, out) || !bytes.Equal(one, out[len(out)-size:]) {
		s.Errorf("%d pages of %d bytes changed on their way", count, size)
	}
}
