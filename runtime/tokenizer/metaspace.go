package tokenizer

import (
	"fmt"
	"strings"
)

// metaspace is the pre-tokenizer of vocabularies that write a blank as "▁": how a section of text between added tokens begins,
// and into which words it is cut. Without one, the normalizer has done all that, and a section is one word.
func metaspace(c *component) (prepend func(text string, first bool) string, split splitter, err error) {
	if c == nil {
		return nil, whole, nil
	}
	if c.Type != "Metaspace" {
		return nil, nil, unsupported("pre_tokenizer of a vocabulary with byte_fallback", c.Type)
	}
	blank := c.Replacement
	if blank == "" {
		return nil, nil, fmt.Errorf("pre_tokenizer Metaspace: replacement is empty")
	}
	scheme := "always"
	if c.PrependScheme != nil {
		scheme = *c.PrependScheme
	} else if !isTrue(c.AddPrefixSpace, true) {
		scheme = "never"
	}
	if scheme != "always" && scheme != "first" && scheme != "never" {
		return nil, nil, unsupported("pre_tokenizer Metaspace: prepend_scheme", scheme)
	}
	prepend = func(text string, first bool) string {
		text = strings.ReplaceAll(text, " ", blank)
		if (scheme == "always" || scheme == "first" && first) && !strings.HasPrefix(text, blank) {
			text = blank + text
		}
		return text
	}
	if !isTrue(c.Split, true) {
		return prepend, whole, nil
	}
	return prepend, func(text string, word func(string)) error {
		for len(text) > 0 {
			n := strings.Index(text[min(len(blank), len(text)):], blank)
			if !strings.HasPrefix(text, blank) {
				n = strings.Index(text, blank)
			} else if n >= 0 {
				n += len(blank)
			}
			if n < 0 {
				n = len(text)
			}
			word(text[:n])
			text = text[n:]
		}
		return nil
	}, nil
}
