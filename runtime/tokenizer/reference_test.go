package tokenizer

import (
	"slices"
	"strings"
	"testing"

	"github.com/dlclark/regexp2/v2"
)

// reference is the slow way: the pattern itself cuts the words, and each merge rescans the whole word.
type reference struct {
	tok     *Tokenizer
	pattern *regexp2.Regexp // nil: a text is one word
}

func (r reference) encode(t *testing.T, text string) []int32 {
	t.Helper()
	ids := []int32{}
	if r.pattern == nil {
		return r.merge(text)
	}
	words, err := r.pattern.FindStringMatch(text)
	for ; words != nil && err == nil; words, err = r.pattern.FindNextMatch(words) {
		ids = append(ids, r.merge(words.String())...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func (r reference) merge(word string) []int32 {
	if id, ok := r.tok.bpe.words[word]; ok {
		return []int32{id}
	}
	ids := []int32{}
	for _, letter := range word {
		if id, ok := r.tok.ids[string(letter)]; ok && r.pattern == nil {
			ids = append(ids, id)
			continue
		}
		for _, b := range []byte(string(letter)) {
			ids = append(ids, r.tok.bpe.bytes[b])
		}
	}
	for {
		at, best := -1, merge{}
		for i := range len(ids) - 1 {
			m, ok := r.tok.bpe.merges[pair{ids[i], ids[i+1]}]
			if ok && (at < 0 || m.rank < best.rank) {
				at, best = i, m
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, best.id)
	}
}

var referencePatterns = map[string]string{"qwen2": patternQwen2, "llama3": patternLlama3, "gpt2": patternGPT2}

func FuzzEncodeEqualsTheSlowReference(f *testing.F) {
	g := readGoldens(f)
	var references []reference
	for _, form := range g.Tokenizers {
		if pattern, ok := referencePatterns[form.Name]; ok {
			references = append(references, reference{tok: form.parse(f), pattern: regexp2.MustCompile(pattern)})
		} else if form.Name == "llama2" {
			references = append(references, reference{tok: form.parse(f)})
		}
	}
	for _, text := range g.Texts[:200] {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range references {
			got, err := r.tok.encode(text, false)
			if err != nil {
				t.Fatal(err)
			}
			plain := replaceInvalid(text)
			if r.tok.normalize != nil && plain != "" {
				plain = r.tok.normalize(plain)
			}
			if back := r.tok.Decode(got, false); r.pattern != nil && back != plain || r.pattern == nil && !strings.Contains(text, "▁") && back != replaceInvalid(text) {
				t.Fatalf("%q encodes to what decodes to %q", plain, back)
			}
			if strings.Contains(plain, "<") {
				continue // may hold an added token, which the reference does not know
			}
			if want := r.encode(t, plain); !slices.Equal(got, want) {
				t.Fatalf("%q encodes to %v, slowly to %v", plain, got, want)
			}
		}
	})
}
