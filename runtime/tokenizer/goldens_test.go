package tokenizer

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// goldens is what hack/tokenizergoldens writes: the answers of Hugging Face's library.
type goldens struct {
	Texts      []string          `json:"texts"`
	Tokenizers []goldenTokenizer `json:"tokenizers"`
}

type goldenTokenizer struct {
	Name    string    `json:"name"`
	File    string    `json:"file"`
	IDs     [][]int32 `json:"ids"`
	Decoded []struct {
		IDs  []int32 `json:"ids"`
		Skip bool    `json:"skip"`
		Text string  `json:"text"`
	} `json:"decoded"`
}

// readGoldens reads the committed file, or the one that AIRCACHE_TOKENIZER_GOLDENS names: real vocabularies are too
// large to commit.
func readGoldens(t testing.TB) goldens {
	t.Helper()
	path := os.Getenv("AIRCACHE_TOKENIZER_GOLDENS")
	if path == "" {
		path = "testdata/goldens.json.gz"
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var g goldens
	if err := json.NewDecoder(z).Decode(&g); err != nil {
		t.Fatal(err)
	}
	if len(g.Texts) == 0 || len(g.Tokenizers) == 0 {
		t.Fatalf("%s holds %d texts and %d tokenizers", path, len(g.Texts), len(g.Tokenizers))
	}
	return g
}

func (g goldenTokenizer) parse(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := parse([]byte(g.File))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestEncodeAnswersWhatTheReferenceAnswers(t *testing.T) {
	g := readGoldens(t)
	for _, form := range g.Tokenizers {
		t.Run(form.Name, func(t *testing.T) {
			tok, wrong := form.parse(t), 0
			for i, text := range g.Texts {
				got, err := tok.Encode(text)
				if err != nil {
					t.Fatal(err)
				}
				if slices.Equal(got, form.IDs[i]) {
					continue
				}
				if wrong++; wrong <= 5 {
					t.Errorf("Encode(%q)\n got %v\nwant %v", text, got, form.IDs[i])
				}
			}
			t.Logf("%d of %d texts differ", wrong, len(g.Texts))
		})
	}
}

func TestDecodeAnswersWhatTheReferenceAnswers(t *testing.T) {
	for _, form := range readGoldens(t).Tokenizers {
		t.Run(form.Name, func(t *testing.T) {
			tok := form.parse(t)
			for _, want := range form.Decoded {
				if got := tok.Decode(want.IDs, want.Skip); got != want.Text {
					t.Fatalf("Decode(%v, %t) = %q, want %q", want.IDs, want.Skip, got, want.Text)
				}
			}
		})
	}
}

func TestStreamedTextIsTheDecodedText(t *testing.T) {
	for _, form := range readGoldens(t).Tokenizers {
		tok := form.parse(t)
		for _, c := range form.Decoded {
			stream, got := tok.NewStream(), ""
			for _, id := range c.IDs {
				got += stream.Push(id)
			}
			got += stream.Flush()
			if want := tok.Decode(c.IDs, true); got != want {
				t.Fatalf("%s: streaming %v answers %q, Decode %q", form.Name, c.IDs, got, want)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	g := readGoldens(b)
	tok, size := g.Tokenizers[0].parse(b), 0
	texts := g.Texts[1:31] // the ordinary sentences
	for _, text := range texts {
		size += len(text)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, text := range texts {
			if _, err := tok.Encode(text); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkEncodeCold encodes words that no cache has seen.
func BenchmarkEncodeCold(b *testing.B) {
	g := readGoldens(b)
	tok, size := g.Tokenizers[0].parse(b), 0
	for _, text := range g.Texts {
		size += len(text)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		tok.scratch.Put(newScratch())
		for _, text := range g.Texts {
			s := tok.scratch.Get().(*scratch)
			clear(s.cache)
			tok.scratch.Put(s)
			if _, err := tok.Encode(text); err != nil {
				b.Fatal(err)
			}
		}
	}
}
