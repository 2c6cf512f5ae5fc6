package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Tokenizer is safe for use by many goroutines.
type Tokenizer struct {
	ids       map[string]int32 // by the token's text as the file spells it
	pieces    []string         // by id: the bytes that the token decodes to
	special   []bool           // by id
	isByte    []bool           // by id: stands for one byte of a character that the vocabulary lacks
	asWritten *matcher
	afterNorm *matcher
	normalize func(string) string
	prepend   func(text string, first bool) string // nil: words are taken as they are
	split     splitter
	bpe       *bpe
	spelling  *spelling
	prefix    []int32 // what the post-processor's template puts before and behind the text
	suffix    []int32
	scratch   sync.Pool // *scratch
}

// Load reads tokenizer.json of a model folder.
func Load(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, "tokenizer.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading tokenizer: %w", err)
	}
	t, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return t, nil
}

func parse(b []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	if err := f.Model.check(); err != nil {
		return nil, err
	}
	t := &Tokenizer{ids: f.Model.Vocab, scratch: sync.Pool{New: func() any { return newScratch() }}}
	var err error
	if t.spelling, err = spellingOf(&f); err != nil {
		return nil, err
	}
	if t.bpe, err = newBPE(&f.Model, t.spelling); err != nil {
		return nil, err
	}
	if t.normalize, err = normalizer(f.Normalizer); err != nil {
		return nil, err
	}
	if t.spelling.byteLevel {
		t.split, err = preTokenizer(f.PreTokenizer)
	} else {
		t.prepend, t.split, err = metaspace(f.PreTokenizer)
	}
	if err != nil {
		return nil, err
	}
	if err := t.addTokens(f.Added); err != nil {
		return nil, err
	}
	t.fillPieces(f.Added)
	if t.prefix, t.suffix, err = template(f.PostProcessor, int32(len(t.pieces))); err != nil {
		return nil, err
	}
	return t, nil
}

// addTokens makes the matchers of the added tokens and enters them into the vocabulary.
func (t *Tokenizer) addTokens(added []addedToken) error {
	t.asWritten, t.afterNorm = newMatcher(), newMatcher()
	for i, a := range added {
		field := fmt.Sprintf("added_tokens[%d]", i)
		if a.Content == "" {
			return fmt.Errorf("%s: content is empty", field)
		}
		if err := checkID(field, a.Content, a.ID); err != nil {
			return err
		}
		if id, ok := t.ids[a.Content]; ok && id != a.ID {
			return fmt.Errorf("%s: %q has id %d, but %d elsewhere in the file", field, a.Content, a.ID, id)
		}
		t.ids[a.Content] = a.ID
		if a.Normalized && t.normalize != nil {
			t.afterNorm.add(t.normalize(a.Content), a)
		} else if a.Normalized {
			t.afterNorm.add(a.Content, a)
		} else {
			t.asWritten.add(a.Content, a)
		}
	}
	return nil
}

// fillPieces makes the tables that decoding indexes by id.
func (t *Tokenizer) fillPieces(added []addedToken) {
	size := int32(0)
	for _, id := range t.ids {
		size = max(size, id+1)
	}
	t.pieces, t.special, t.isByte = make([]string, size), make([]bool, size), make([]bool, size)
	for token, id := range t.ids {
		t.pieces[id] = t.spelling.text(token)
		if _, ok := byteOf(token); ok && !t.spelling.byteLevel {
			t.isByte[id] = true
		}
	}
	for _, a := range added {
		t.special[a.ID] = a.Special
		if a.Normalized && t.normalize != nil {
			t.pieces[a.ID] = t.spelling.text(t.normalize(a.Content)) // as the reference has it
		}
	}
}

// TokenID answers the id of a token as tokenizer.json spells it, such as "<image>".
func (t *Tokenizer) TokenID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// VocabSize is the highest id plus one. A model may have more rows than that in its embedding table.
func (t *Tokenizer) VocabSize() int { return len(t.pieces) }

// LongestText is how many bytes a text of so many tokens can have: a longer one need not be encoded to know that it has
// more. NFC leaves at least a third of a text's bytes: three Hangul letters of 3 bytes each become one.
// A blank that is written "▁" has 1 byte where "▁" itself has 3. What has no tokens is not counted: blanks that an added token swallows (lstrip, rstrip), text between a pattern's matches.
func (t *Tokenizer) LongestText(tokens int) int {
	longest := 0
	for _, piece := range t.pieces {
		longest = max(longest, len(piece))
	}
	if t.normalize != nil || t.prepend != nil {
		longest *= 3
	}
	return tokens * longest
}

// Encode answers the ids of the text. Added tokens in the text, special ones too, are recognised. What the
// post-processor's template adds is added, unless the text already starts with the template's first token: chat
// templates write it themselves, and transformers' processors follow the same rule.
func (t *Tokenizer) Encode(text string) ([]int32, error) {
	return t.encode(text, len(t.prefix) == 0 || !strings.HasPrefix(text, t.pieces[t.prefix[0]]))
}

func (t *Tokenizer) encode(text string, withTemplate bool) ([]int32, error) {
	e := encoding{t: t, scratch: t.scratch.Get().(*scratch), ids: make([]int32, 0, len(text)/3+8)}
	defer t.keep(e.scratch)
	if withTemplate {
		e.ids = append(e.ids, t.prefix...)
	}
	t.asWritten.split(replaceInvalid(text), e.addNormalized, e.addID)
	if withTemplate {
		e.ids = append(e.ids, t.suffix...)
	}
	return e.ids, e.err
}

// keep saves the scratch for the next call, unless a giant word made it large: the pool would hold on to that.
func (t *Tokenizer) keep(s *scratch) {
	const largest = 1 << 16 // symbols: 1 MiB, and less for their merges
	if cap(s.symbols) <= largest {
		t.scratch.Put(s)
	}
}

// encoding is one call of Encode: each method is a stage that hands its pieces to the next.
type encoding struct {
	t       *Tokenizer
	scratch *scratch
	ids     []int32
	begun   bool // something of the text has been added
	err     error
}

func (e *encoding) addID(id int32) {
	e.ids = append(e.ids, id)
	e.begun = true
}

func (e *encoding) addNormalized(text string) {
	if e.t.normalize != nil {
		text = e.t.normalize(text)
	}
	e.t.afterNorm.split(text, e.addWords, e.addID)
}

func (e *encoding) addWords(text string) {
	if e.t.prepend != nil {
		text = e.t.prepend(text, !e.begun)
	}
	e.begun = true
	if e.err == nil {
		e.err = e.t.split(text, e.addWord)
	}
}

func (e *encoding) addWord(word string) { e.ids = e.t.bpe.append(e.ids, word, e.scratch) }
