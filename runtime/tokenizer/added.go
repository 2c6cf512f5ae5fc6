package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// matcher finds added tokens in a text: of those that start first the longest.
type matcher struct {
	nodes  []trieNode
	tokens []addedToken
	starts [256]bool // bytes that some token starts with
}

type trieNode struct {
	next  map[byte]int32
	token int32 // index into tokens, -1: none ends here
}

func newMatcher() *matcher { return &matcher{nodes: []trieNode{{token: -1}}} }

// add enters a token under the text that it is found by, which normalising may have changed.
func (m *matcher) add(text string, a addedToken) {
	if text == "" {
		return
	}
	m.starts[text[0]] = true
	at := int32(0)
	for i := range len(text) {
		next, ok := m.nodes[at].next[text[i]]
		if !ok {
			next = int32(len(m.nodes))
			if m.nodes[at].next == nil {
				m.nodes[at].next = map[byte]int32{}
			}
			m.nodes[at].next[text[i]] = next
			m.nodes = append(m.nodes, trieNode{token: -1})
		}
		at = next
	}
	if m.nodes[at].token < 0 {
		m.nodes[at].token = int32(len(m.tokens))
		m.tokens = append(m.tokens, a)
	}
}

// longest answers the longest token that text starts with and its length, or nil.
func (m *matcher) longest(text string) (found *addedToken, length int) {
	at := int32(0)
	for i := range len(text) {
		next, ok := m.nodes[at].next[text[i]]
		if !ok {
			break
		}
		at = next
		if k := m.nodes[at].token; k >= 0 {
			found, length = &m.tokens[k], i+1
		}
	}
	return found, length
}

// split hands the tokens and the text between them on, in order.
func (m *matcher) split(text string, plain func(string), token func(int32)) {
	done := 0 // everything before it is handed on
	for i := 0; i < len(text); {
		if !m.starts[text[i]] {
			i++
			continue
		}
		a, n := m.longest(text[i:])
		if a == nil {
			i++
			continue
		}
		start, end := i, i+n
		i = end
		if a.SingleWord && touchesWord(text, start, end) {
			continue
		}
		if a.LStrip {
			start = max(done, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if a.RStrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		if done < start {
			plain(text[done:start])
		}
		token(a.ID)
		// The search goes on behind the token's own text even where RStrip took more: another token may start
		// with a space. The reference does the same.
		done = end
	}
	if done < len(text) {
		plain(text[done:])
	}
}

func touchesWord(text string, start, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	behind, _ := utf8.DecodeRuneInString(text[end:])
	return start > 0 && isWordRune(before) || end < len(text) && isWordRune(behind)
}

// isWordRune is \w as Unicode's annex on regular expressions defines it.
func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.In(r, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic) ||
		r == 0x200c || r == 0x200d
}
