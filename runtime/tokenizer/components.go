package tokenizer

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// normalizer answers nil where the text is taken as it is.
func normalizer(c *component) (func(string) string, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "NFC":
		return norm.NFC.String, nil
	case "Prepend":
		return func(s string) string { return c.Prepend + s }, nil // no section of a text is empty
	case "Replace":
		return replacer("normalizer", c)
	case "Sequence":
		return normalizerSequence(c.Normalizers)
	}
	return nil, unsupported("normalizer", c.Type)
}

// replacer puts one string in place of another.
func replacer(field string, c *component) (func(string) string, error) {
	if c.Pattern.String == nil || *c.Pattern.String == "" {
		return nil, fmt.Errorf("%s Replace: only a pattern of kind String is supported", field)
	}
	from, to := *c.Pattern.String, c.Content
	return func(s string) string { return strings.ReplaceAll(s, from, to) }, nil
}

func normalizerSequence(parts []component) (func(string) string, error) {
	var chain func(string) string
	for i := range parts {
		next, err := normalizer(&parts[i])
		if err != nil {
			return nil, err
		}
		if before := chain; before != nil && next != nil {
			chain = func(s string) string { return next(before(s)) }
		} else if next != nil {
			chain = next
		}
	}
	return chain, nil
}

// template answers the ids that the post-processor puts before and behind a single text.
func template(c *component, vocab int32) (prefix, suffix []int32, err error) {
	if c == nil || c.Type == "ByteLevel" { // ByteLevel here only moves offsets, which nothing reads
		return nil, nil, nil
	}
	if c.Type == "Sequence" {
		for i := range c.Processors {
			before, behind, err := template(&c.Processors[i], vocab)
			if err != nil {
				return nil, nil, err
			}
			prefix, suffix = append(before, prefix...), append(suffix, behind...)
		}
		return prefix, suffix, nil
	}
	if c.Type != "TemplateProcessing" {
		return nil, nil, unsupported("post_processor", c.Type)
	}
	texts := 0
	for _, piece := range c.Single {
		if piece.SpecialToken == nil {
			texts++
			continue
		}
		ids, err := templateIDs(c, piece.SpecialToken.ID, vocab)
		if err != nil {
			return nil, nil, err
		}
		if texts == 0 {
			prefix = append(prefix, ids...)
		} else {
			suffix = append(suffix, ids...)
		}
	}
	if texts != 1 {
		return nil, nil, fmt.Errorf("post_processor: the template of a single text holds the text %d times, expected once", texts)
	}
	return prefix, suffix, nil
}

func templateIDs(c *component, name string, vocab int32) ([]int32, error) {
	tokens, ok := c.SpecialTokens[name]
	if !ok {
		return nil, fmt.Errorf("post_processor: special token %q is not defined", name)
	}
	for _, id := range tokens.IDs {
		if id < 0 || id >= vocab {
			return nil, fmt.Errorf("post_processor: special token %q has id %d, expected 0..%d", name, id, vocab-1)
		}
	}
	return tokens.IDs, nil
}
