package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// bpe merges the bytes or characters of a word into tokens: always the pair of neighbours whose merge stands first in the
// file, and of equal ones the leftmost.
type bpe struct {
	bytes   [256]int32
	letters map[rune]int32 // characters that are tokens; all others come as their bytes. Byte-level vocabularies have none
	merges  map[pair]merge
	words   map[string]int32 // whole words, where the file says ignore_merges; else nil
}

type pair struct{ left, right int32 }

type merge struct{ rank, id int32 }

func newBPE(f *bpeFile, s *spelling) (*bpe, error) {
	m := &bpe{merges: make(map[pair]merge, len(f.Merges))}
	for b := range m.bytes {
		token := s.byteToken(b)
		id, ok := f.Vocab[token]
		if !ok {
			return nil, fmt.Errorf("model.vocab: no token for byte 0x%02X (%q)", b, token)
		}
		m.bytes[b] = id
	}
	if !s.byteLevel {
		m.letters = lettersOf(f.Vocab)
	}
	for rank, parts := range f.Merges {
		left, ok1 := f.Vocab[parts[0]]
		right, ok2 := f.Vocab[parts[1]]
		id, ok3 := f.Vocab[parts[0]+parts[1]]
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("model.merges[%d]: %q and %q or what they make is not in the vocabulary", rank, parts[0], parts[1])
		}
		m.merges[pair{left, right}] = merge{rank: int32(rank), id: id}
	}
	if f.IgnoreMerges {
		m.words = make(map[string]int32, len(f.Vocab))
		for token, id := range f.Vocab {
			m.words[s.word(token)] = id
		}
	}
	return m, nil
}

// lettersOf are the tokens of one character.
func lettersOf(vocab map[string]int32) map[rune]int32 {
	letters := map[rune]int32{}
	for token, id := range vocab {
		if r, n := utf8.DecodeRuneInString(token); n == len(token) {
			letters[r] = id
		}
	}
	return letters
}

// append adds the tokens of a word. Most words of a text come again, so those of usual length are remembered.
func (m *bpe) append(ids []int32, word string, s *scratch) []int32 {
	if id, ok := m.words[word]; ok {
		return append(ids, id)
	}
	if len(word) == 1 && m.letters == nil {
		return append(ids, m.bytes[word[0]])
	}
	if len(word) > maxCachedWord {
		return m.merge(ids, word, s)
	}
	if known, ok := s.cache[word]; ok {
		return append(ids, known...)
	}
	start := len(ids)
	ids = m.merge(ids, word, s)
	s.remember(word, ids[start:])
	return ids
}

// merge runs the merges over a word. Its heap may hold pairs that are gone: they are passed over when they come up.
func (m *bpe) merge(ids []int32, word string, s *scratch) []int32 {
	s.load(m, word)
	for len(s.heap) > 0 {
		best := s.pop()
		left := &s.symbols[best.at]
		if left.gone || left.next < 0 {
			continue
		}
		right := &s.symbols[left.next]
		if now, ok := m.merges[pair{left.id, right.id}]; !ok || now.id != best.id {
			continue
		}
		left.id, left.next = best.id, right.next
		right.gone = true
		if left.next >= 0 {
			s.symbols[left.next].prev = best.at
			s.offer(m, best.at)
		}
		if left.prev >= 0 {
			s.offer(m, left.prev)
		}
	}
	for at := int32(0); at >= 0; at = s.symbols[at].next {
		ids = append(ids, s.symbols[at].id)
	}
	return ids
}

const (
	maxCachedWord  = 64     // bytes
	maxCachedWords = 10_000 // of one scratch
)

// scratch is what one Encode works with: its words, and the cache that outlives it in the pool.
type scratch struct {
	symbols []symbol
	heap    []candidate
	cache   map[string][]int32
}

// symbol is a piece of the word, linked to its neighbours by index (-1: none).
type symbol struct {
	id, prev, next int32
	gone           bool
}

// candidate is a merge of the symbol at and the one behind it.
type candidate struct{ rank, at, id int32 }

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

func newScratch() *scratch { return &scratch{cache: map[string][]int32{}} }

func (s *scratch) remember(word string, ids []int32) {
	if len(s.cache) < maxCachedWords {
		s.cache[strings.Clone(word)] = append([]int32(nil), ids...)
	}
}

func (s *scratch) load(m *bpe, word string) {
	s.symbols, s.heap = s.symbols[:0], s.heap[:0]
	if m.letters == nil {
		for i := range len(word) {
			s.add(m.bytes[word[i]])
		}
	} else {
		s.loadLetters(m, word)
	}
	last := len(s.symbols) - 1
	s.symbols[last].next = -1
	for i := range last {
		s.offer(m, int32(i))
	}
}

func (s *scratch) loadLetters(m *bpe, word string) {
	for i, r := range word {
		if id, ok := m.letters[r]; ok {
			s.add(id)
			continue
		}
		for _, b := range []byte(word[i : i+utf8.RuneLen(r)]) {
			s.add(m.bytes[b])
		}
	}
}

// add puts a symbol behind the last one.
func (s *scratch) add(id int32) {
	at := int32(len(s.symbols))
	s.symbols = append(s.symbols, symbol{id: id, prev: at - 1, next: at + 1})
}

// offer puts the merge of a symbol and the one behind it on the heap, if there is such a merge.
func (s *scratch) offer(m *bpe, at int32) {
	left := s.symbols[at]
	found, ok := m.merges[pair{left.id, s.symbols[left.next].id}]
	if !ok {
		return
	}
	s.heap = append(s.heap, candidate{rank: found.rank, at: at, id: found.id})
	for child := len(s.heap) - 1; child > 0; {
		parent := (child - 1) / 2
		if !s.heap[child].before(s.heap[parent]) {
			return
		}
		s.heap[child], s.heap[parent] = s.heap[parent], s.heap[child]
		child = parent
	}
}

func (s *scratch) pop() candidate {
	top, last := s.heap[0], len(s.heap)-1
	s.heap[0] = s.heap[last]
	s.heap = s.heap[:last]
	for parent := 0; ; {
		child := 2*parent + 1
		if child >= last {
			return top
		}
		if child+1 < last && s.heap[child+1].before(s.heap[child]) {
			child++
		}
		if !s.heap[child].before(s.heap[parent]) {
			return top
		}
		s.heap[child], s.heap[parent] = s.heap[parent], s.heap[child]
		parent = child
	}
}
