package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// spelling is how a vocabulary writes its tokens. Byte-level ones write every byte as a character of their alphabet. The others
// write characters as they are, a blank as "▁", and the bytes of characters that they lack as "<0x00>" to "<0xFF>".
type spelling struct {
	byteLevel bool
	replace   func(string) string // of the decoder: "▁" to a blank
	strip     string              // character that the decoder takes off the front
	most      int                 // how often
}

// spellingOf reads it off the decoder, and checks that the model agrees.
func spellingOf(f *file) (*spelling, error) {
	c := f.Decoder
	for c != nil && c.Type == "Sequence" && len(c.Decoders) == 1 {
		c = &c.Decoders[0]
	}
	switch {
	case c == nil && f.Model.ByteFallback:
		return nil, errors.New("decoder is missing: expected a Sequence with ByteFallback")
	case c == nil:
		return nil, errors.New("decoder is missing: expected ByteLevel")
	case c.Type == "ByteLevel" && f.Model.ByteFallback:
		return nil, unsupported("model.byte_fallback", true) // beside bytes that are characters
	case c.Type == "ByteLevel":
		return &spelling{byteLevel: true}, nil
	case !f.Model.ByteFallback:
		return nil, unsupported("decoder", c.Type)
	case c.Type != "Sequence":
		return nil, unsupported("decoder", c.Type)
	}
	return characterSpelling(c.Decoders)
}

// characterSpelling takes the parts in the order that SentencePiece's converter writes: Replace, ByteFallback, Fuse, Strip.
func characterSpelling(parts []component) (*spelling, error) {
	s := &spelling{replace: func(text string) string { return text }}
	order := []string{"Replace", "ByteFallback", "Fuse", "Strip"}
	fallback := false
	for i := range parts {
		c := &parts[i]
		for len(order) > 0 && order[0] != c.Type {
			order = order[1:]
		}
		if len(order) == 0 {
			return nil, unsupported("decoder: in this place", c.Type)
		}
		switch c.Type {
		case "Replace":
			next, err := replacer("decoder", c)
			if err != nil {
				return nil, err
			}
			before := s.replace
			s.replace = func(text string) string { return next(before(text)) }
		case "ByteFallback":
			fallback = true
		case "Strip":
			if c.Stop != 0 || c.Start < 0 || c.Content == "" {
				return nil, fmt.Errorf("decoder Strip: content %q, start %d and stop %d are not supported", c.Content, c.Start, c.Stop)
			}
			s.strip, s.most = c.Content, c.Start
			order = nil
		}
	}
	if !fallback {
		return nil, errors.New("decoder: ByteFallback is missing, which model.byte_fallback needs")
	}
	return s, nil
}

// byteToken is the token of a byte.
func (s *spelling) byteToken(b int) string {
	if s.byteLevel {
		return string(runeOfByte[b])
	}
	return fmt.Sprintf("<0x%02X>", b)
}

// word is the part of a normalised text that a token stands for.
func (s *spelling) word(token string) string {
	if s.byteLevel {
		return rawBytes(token)
	}
	return token
}

// text is what a token decodes to; of the token of a byte, that byte.
func (s *spelling) text(token string) string {
	if s.byteLevel {
		return rawBytes(token)
	}
	if b, ok := byteOf(token); ok {
		return string([]byte{b})
	}
	return s.replace(token)
}

// byteOf reads a token like "<0x0A>".
func byteOf(token string) (byte, bool) {
	if len(token) != 6 || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(b), err == nil
}
