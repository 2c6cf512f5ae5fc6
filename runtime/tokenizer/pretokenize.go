package tokenizer

import (
	"errors"
	"fmt"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// splitter cuts a text into words and hands them on in order.
type splitter func(text string, word func(string)) error

// The patterns of the families that have a matcher of their own (words.go), as their files spell them.
const (
	patternGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// matchTimeout ends a pattern of a model folder that backtracks without end on some text.
const matchTimeout = 5 * time.Second

func preTokenizer(c *component) (splitter, error) {
	if c == nil {
		return nil, errors.New("pre_tokenizer is missing: expected ByteLevel")
	}
	if !hasByteLevel(c) {
		return nil, unsupported("pre_tokenizer without ByteLevel:", c.Type)
	}
	return stage(c)
}

// hasByteLevel tells byte-level BPE from other kinds: only there the words are taken as bytes.
func hasByteLevel(c *component) bool {
	last := c
	if c.Type == "Sequence" && len(c.PreTokenizers) > 0 {
		last = &c.PreTokenizers[len(c.PreTokenizers)-1]
	}
	return last.Type == "ByteLevel"
}

func stage(c *component) (splitter, error) {
	switch c.Type {
	case "Sequence":
		return sequence(c.PreTokenizers)
	case "Split":
		return splitStage(c)
	case "ByteLevel":
		return byteLevelStage(c), nil
	}
	return nil, unsupported("pre_tokenizer", c.Type)
}

func sequence(parts []component) (splitter, error) {
	chain := splitter(whole)
	for i := range parts {
		before := chain
		next, err := stage(&parts[i])
		if err != nil {
			return nil, err
		}
		if isPlainByteLevel(&parts[i]) {
			continue
		}
		if i == 0 {
			chain = next
			continue
		}
		chain = func(text string, word func(string)) error {
			var inner error
			err := before(text, func(piece string) {
				if inner == nil {
					inner = next(piece, word)
				}
			})
			if err != nil {
				return err
			}
			return inner
		}
	}
	return chain, nil
}

func whole(text string, word func(string)) error {
	if text != "" {
		word(text)
	}
	return nil
}

func isPlainByteLevel(c *component) bool {
	return c.Type == "ByteLevel" && !isTrue(c.AddPrefixSpace, true) && !isTrue(c.UseRegex, true)
}

func isTrue(field *bool, byDefault bool) bool {
	if field == nil {
		return byDefault
	}
	return *field
}

func byteLevelStage(c *component) splitter {
	split := splitter(whole)
	if isTrue(c.UseRegex, true) {
		split = scanner(wordGPT2)
	}
	if !isTrue(c.AddPrefixSpace, true) {
		return split
	}
	return func(text string, word func(string)) error {
		if text != "" && text[0] != ' ' {
			text = " " + text
		}
		return split(text, word)
	}
}

func splitStage(c *component) (splitter, error) {
	if c.Pattern.Regex == nil {
		return nil, errors.New("pre_tokenizer Split: only a pattern of kind Regex is supported")
	}
	onlyMatches := c.Behavior == "Removed" && c.Invert
	if c.Behavior != "Isolated" && !onlyMatches {
		return nil, fmt.Errorf("pre_tokenizer Split: behavior %q with invert %t is not supported", c.Behavior, c.Invert)
	}
	// These three match every character, so both behaviours come to the same.
	switch *c.Pattern.Regex {
	case patternGPT2:
		return scanner(wordGPT2), nil
	case patternQwen2:
		return scanner(func(s string) int { return wordModern(s, 1) }), nil
	case patternLlama3:
		return scanner(func(s string) int { return wordModern(s, 3) }), nil
	}
	return patternSplitter(*c.Pattern.Regex, onlyMatches)
}

// scanner cuts words off the front of the text, as long as next says.
func scanner(next func(text string) int) splitter {
	return func(text string, word func(string)) error {
		for len(text) > 0 {
			n := next(text)
			word(text[:n])
			text = text[n:]
		}
		return nil
	}
}

// patternSplitter runs any other pattern; what lies between matches is a word too, unless onlyMatches.
func patternSplitter(pattern string, onlyMatches bool) (splitter, error) {
	re, err := regexp2.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("pre_tokenizer Split: compiling pattern: %w", err)
	}
	re.MatchTimeout = matchTimeout
	return func(text string, word func(string)) error {
		runes, done := []rune(text), 0
		m, err := re.FindRunesMatch(runes)
		for ; m != nil && err == nil; m, err = re.FindNextMatch(m) {
			if done < m.RuneIndex && !onlyMatches {
				word(string(runes[done:m.RuneIndex]))
			}
			done = m.RuneIndex + m.RuneLength
			if m.RuneLength > 0 {
				word(string(runes[m.RuneIndex:done]))
			}
		}
		if err != nil {
			return fmt.Errorf("splitting text with the tokenizer's pattern: %w", err)
		}
		if done < len(runes) && !onlyMatches {
			word(string(runes[done:]))
		}
		return nil
	}, nil
}
