package tokenizer

import "strings"

// Decode answers the text of the ids; an id that the vocabulary lacks is passed over. With skipSpecial special
// tokens are left out. Bytes that form no character become U+FFFD.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	var out strings.Builder
	for _, id := range ids {
		out.WriteString(t.piece(id, skipSpecial))
	}
	return replaceInvalid(out.String())
}

func (t *Tokenizer) piece(id int32, skipSpecial bool) string {
	if id < 0 || int(id) >= len(t.pieces) || skipSpecial && t.special[id] {
		return ""
	}
	return t.pieces[id]
}

// Stream decodes token by token. A character may be spread over several tokens: its bytes are held until the last
// one has come, so what Push and Flush answer, joined, is what Decode answers at once.
type Stream struct {
	t    *Tokenizer
	held []byte
}

// NewStream starts a stream that leaves special tokens out.
func (t *Tokenizer) NewStream() *Stream { return &Stream{t: t} }

// Push takes the next token and answers the text that is complete now, often "".
func (s *Stream) Push(id int32) string {
	s.held = append(s.held, s.t.piece(id, true)...)
	cut := cutTail(s.held)
	text := replaceInvalid(string(s.held[:cut]))
	s.held = append(s.held[:0], s.held[cut:]...)
	return text
}

// Flush ends the stream: a character that never became complete is answered as U+FFFD.
func (s *Stream) Flush() string {
	text := replaceInvalid(string(s.held))
	s.held = s.held[:0]
	return text
}
