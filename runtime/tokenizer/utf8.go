package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// replaceInvalid puts one U+FFFD in place of every maximal part of a character that is cut off or wrong, as the
// Unicode standard recommends (strings.ToValidUTF8 would put one for a whole run).
func replaceInvalid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	out.Grow(len(s) + 8)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			out.WriteString("\uFFFD")
			s = s[brokenPrefix(s):]
			continue
		}
		out.WriteString(s[:n])
		s = s[n:]
	}
	return out.String()
}

// brokenPrefix answers how many bytes at the front of s start one character that does not go on: at least 1.
func brokenPrefix(s string) int {
	n := 1
	for n < len(s) && !utf8.FullRuneInString(s[:n+1]) {
		n++
	}
	return n
}

// cutTail answers where an incomplete character at the end of b starts: len(b) when there is none.
func cutTail(b []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
		start := len(b) - back
		if utf8.RuneStart(b[start]) {
			if !utf8.FullRune(b[start:]) {
				return start
			}
			break
		}
	}
	return len(b)
}
