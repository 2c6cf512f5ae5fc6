package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// kind is the class of a character that the patterns tell apart.
type kind uint8

const (
	other kind = iota
	letter
	number
	space
)

var asciiKinds = func() (kinds [utf8.RuneSelf]kind) {
	for c := range kinds {
		kinds[c] = unicodeKind(rune(c))
	}
	return kinds
}()

// newDigits are the digits of Unicode 16, which the reference knows and Go's tables (15.0) do not.
var newDigits = &unicode.RangeTable{R32: []unicode.Range32{
	{Lo: 0x10d40, Hi: 0x10d49, Stride: 1}, {Lo: 0x116d0, Hi: 0x116e3, Stride: 1}, {Lo: 0x11bf0, Hi: 0x11bf9, Stride: 1}, {Lo: 0x16130, Hi: 0x16139, Stride: 1},
	{Lo: 0x16d70, Hi: 0x16d79, Stride: 1}, {Lo: 0x1ccf0, Hi: 0x1ccf9, Stride: 1}, {Lo: 0x1e5f1, Hi: 0x1e5fa, Stride: 1},
}}

func unicodeKind(r rune) kind {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r), unicode.Is(newDigits, r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// kindAt classes the character at the front of a text that is not empty, and answers its length.
func kindAt(s string) (kind, int) {
	if s[0] < utf8.RuneSelf {
		return asciiKinds[s[0]], 1
	}
	r, n := utf8.DecodeRuneInString(s)
	return unicodeKind(r), n
}

// run answers where the characters of kind k that start at i end.
func run(s string, i int, k kind) int {
	for i < len(s) {
		got, n := kindAt(s[i:])
		if got != k {
			break
		}
		i += n
	}
	return i
}

// wordGPT2 is the length of the first match of patternGPT2, branch by branch.
func wordGPT2(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	start := 0
	if s[0] == ' ' && len(s) > 1 {
		start = 1
	}
	if k, _ := kindAt(s[start:]); k != space {
		return run(s, start, k)
	}
	return blank(s)
}

// wordModern is the length of the first match of patternQwen2 (maxNumbers 1) or patternLlama3 (3).
func wordModern(s string, maxNumbers int) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	first, size := kindAt(s)
	if first == number {
		end := size
		for count := 1; count < maxNumbers && end < len(s); count++ {
			k, n := kindAt(s[end:])
			if k != number {
				break
			}
			end += n
		}
		return end
	}
	start := 0 // of the letters: any one character but a letter, number or line end may stand before them
	if first != letter && !isLineEnd(s[0]) {
		start = size
	}
	if end := run(s, start, letter); end > start {
		return end
	}
	start = 0
	if s[0] == ' ' {
		start = 1
	}
	if end := run(s, start, other); end > start {
		for end < len(s) && isLineEnd(s[end]) {
			end++
		}
		return end
	}
	if end := lastLineEnd(s); end > 0 {
		return end
	}
	return blank(s)
}

func isLineEnd(c byte) bool { return c == '\r' || c == '\n' }

// lastLineEnd is \s*[\r\n]+: up to the last line end of the blanks at the front.
func lastLineEnd(s string) int {
	for end := run(s, 0, space); end > 0; end-- {
		if isLineEnd(s[end-1]) {
			return end
		}
	}
	return 0
}

// blank is \s+(?!\S)|\s+: blanks before a word leave the last one to it, unless it is the only one.
func blank(s string) int {
	end := run(s, 0, space)
	if end == len(s) {
		return end
	}
	if _, last := utf8.DecodeLastRuneInString(s[:end]); last < end {
		return end - last
	}
	return end
}

// contraction is 's|'t|'re|'ve|'m|'ll|'d at the front of s, 0 when there is none.
func contraction(s string, anyCase bool) int {
	if s[0] != '\'' {
		return 0
	}
	first, n := contracted(s[1:], anyCase)
	switch first {
	case 's', 't', 'm', 'd':
		return 1 + n
	case 'r', 'v', 'l':
		second, m := contracted(s[1+n:], anyCase)
		if second == 'e' && first != 'l' || second == 'l' && first == 'l' {
			return 1 + n + m
		}
	}
	return 0
}

// contracted answers the character at the front of s, folded. One letter outside ASCII folds to one of these: the
// long s (U+017F).
func contracted(s string, anyCase bool) (rune, int) {
	r, n := utf8.DecodeRuneInString(s)
	if anyCase && r >= 'A' && r <= 'Z' {
		r += 'a' - 'A'
	}
	if anyCase && r == 'ſ' {
		r = 's'
	}
	return r, n
}
