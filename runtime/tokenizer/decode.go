package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode answers the text of the ids; an id that the vocabulary lacks is passed over. With skipSpecial special
// tokens are left out. Bytes that form no character become U+FFFD.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	s := Stream{t: t, keepSpecial: !skipSpecial}
	var out strings.Builder
	for _, id := range ids {
		out.WriteString(s.Push(id))
	}
	out.WriteString(s.Flush())
	return out.String()
}

// Stream decodes token by token. A character may be spread over several tokens: its bytes are held until the last
// one has come, so what Push and Flush answer, joined, is what Decode answers at once.
type Stream struct {
	t           *Tokenizer
	keepSpecial bool
	held        []byte
	stripped    int  // of the characters that the decoder takes off the front
	begun       bool // something else has come
}

// NewStream starts a stream that leaves special tokens out.
func (t *Tokenizer) NewStream() *Stream { return &Stream{t: t} }

// Push takes the next token and answers the text that is complete now, often "".
func (s *Stream) Push(id int32) string {
	t := s.t
	if id < 0 || int(id) >= len(t.pieces) || !s.keepSpecial && t.special[id] {
		return ""
	}
	if !t.spelling.byteLevel {
		if t.isByte[id] {
			s.held = append(s.held, t.pieces[id]...)
			return ""
		}
		return s.strip(s.bytesHeld() + t.pieces[id])
	}
	s.held = append(s.held, t.pieces[id]...)
	cut := cutTail(s.held)
	text := replaceInvalid(string(s.held[:cut]))
	s.held = append(s.held[:0], s.held[cut:]...)
	return text
}

// Flush ends the stream: a character that never became complete is answered as U+FFFD.
func (s *Stream) Flush() string {
	if !s.t.spelling.byteLevel {
		return s.strip(s.bytesHeld())
	}
	text := replaceInvalid(string(s.held))
	s.held = s.held[:0]
	return text
}

// bytesHeld is the text of a run of byte tokens. One that is wrong anywhere is wrong in every byte: the reference says so, and
// therefore nothing of a run can be answered before its end.
func (s *Stream) bytesHeld() string {
	text := string(s.held)
	s.held = s.held[:0]
	if !utf8.ValidString(text) {
		return strings.Repeat("\uFFFD", len(text))
	}
	return text
}

// strip takes off what the decoder takes off the front of the whole text.
func (s *Stream) strip(text string) string {
	how := s.t.spelling
	for !s.begun && s.stripped < how.most && strings.HasPrefix(text, how.strip) {
		text = text[len(how.strip):]
		s.stripped++
	}
	s.begun = s.begun || text != "" || s.stripped == how.most
	return text
}
