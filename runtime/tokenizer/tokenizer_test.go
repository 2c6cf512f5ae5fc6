package tokenizer

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// small is a tokenizer.json with all bytes, one merge and one special token; old/new pairs change it.
func small(changes ...string) string {
	var vocab strings.Builder
	for b, r := range runeOfByte {
		spelled := string(r)
		if spelled == `"` || spelled == `\` {
			spelled = `\` + spelled
		}
		vocab.WriteString(`"` + spelled + `":` + strconv.Itoa(b) + `,`)
	}
	file := `{"added_tokens":[{"id":257,"content":"<end>","special":true}],"normalizer":{"type":"NFC"},
		"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},"post_processor":null,"decoder":{"type":"ByteLevel"},
		"model":{"type":"BPE","vocab":{` + vocab.String() + `"ab":256},"merges":["a b"]}}`
	return strings.NewReplacer(changes...).Replace(file)
}

func TestUnsupportedFilesAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"a lower-casing normalizer":        {`"normalizer":{"type":"NFC"}`, `"normalizer":{"type":"Lowercase"}`, `normalizer "Lowercase" is not supported`},
		"one inside a sequence":            {`"normalizer":{"type":"NFC"}`, `"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Strip"}]}`, `normalizer "Strip" is not supported`},
		"a SentencePiece pre-tokenizer":    {`{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`, `{"type":"Metaspace"}`, `"Metaspace" is not supported`},
		"no pre-tokenizer":                 {`{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`, `null`, "pre_tokenizer is missing"},
		"a split that merges":              {`{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`, `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"a"},"behavior":"MergedWithNext"},{"type":"ByteLevel"}]}`, `behavior "MergedWithNext"`},
		"a split by a plain string":        {`{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`, `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"String":"a"},"behavior":"Isolated"},{"type":"ByteLevel"}]}`, "kind Regex"},
		"a pattern that does not compile":  {`{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`, `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"},{"type":"ByteLevel"}]}`, "compiling pattern"},
		"another post-processor":           {`"post_processor":null`, `"post_processor":{"type":"BertProcessing"}`, `post_processor "BertProcessing" is not supported`},
		"a template without the text":      {`"post_processor":null`, `"post_processor":{"type":"TemplateProcessing","single":[]}`, "holds the text 0 times"},
		"a template of an unknown token":   {`"post_processor":null`, `"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}]}`, `"<s>" is not defined`},
		"a template of an id out of range": {`"post_processor":null`, `"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[999]}}}`, "has id 999, expected 0..257"},
		"another decoder":                  {`"decoder":{"type":"ByteLevel"}`, `"decoder":{"type":"WordPiece"}`, `decoder "WordPiece" is not supported`},
		"no decoder":                       {`"decoder":{"type":"ByteLevel"}`, `"decoder":null`, "decoder is missing"},
		"another model":                    {`"type":"BPE"`, `"type":"Unigram"`, `model.type "Unigram" is not supported`},
		"byte fallback":                    {`"type":"BPE"`, `"type":"BPE","byte_fallback":true`, "model.byte_fallback true is not supported"},
		"dropout":                          {`"type":"BPE"`, `"type":"BPE","dropout":0.1`, "model.dropout 0.1 is not supported"},
		"a word suffix":                    {`"type":"BPE"`, `"type":"BPE","end_of_word_suffix":"</w>"`, "model.end_of_word_suffix"},
		"a missing byte":                   {`"Z":90,`, ``, "no token for byte 0x5A"},
		"a merge of unknown tokens":        {`"a b"`, `"a c"`, "model.merges[0]"},
		"a merge of three":                 {`"a b"`, `["a","b","c"]`, "expected two tokens"},
		"a negative id":                    {`"ab":256`, `"ab":-1`, `token "ab" has id -1`},
		"an id that no table can hold":     {`"id":257`, `"id":2000000000`, "added_tokens[0]"},
		"two ids of one token":             {`"content":"<end>"`, `"content":"ab"`, `"ab" has id 257, but 256 elsewhere`},
		"text that is not JSON":            {`{"added_tokens"`, `{added_tokens`, "invalid character"},
	} {
		_, err := parse([]byte(small(c.from, c.to)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestUnsupportedFormsOfByteFallbackAreRefusedByName(t *testing.T) {
	g := readGoldens(t)
	file := g.Tokenizers[0].File // llama2
	if !strings.Contains(file, `"pre_tokenizer"`) {
		file = strings.Replace(file, `{`, `{"pre_tokenizer":null,`, 1)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"no byte fallback in the decoder": {`{"type":"ByteFallback"},`, ``, "ByteFallback is missing"},
		"another order of the decoder":    {`{"type":"Fuse"},`, `{"type":"Fuse"},{"type":"ByteFallback"},`, `in this place "ByteFallback" is not supported`},
		"what is stripped off the end":    {`"start":1,"stop":0`, `"start":1,"stop":1`, "stop 1 are not supported"},
		"a pattern in the decoder":        {`{"type":"Replace","pattern":{"String":"▁"},"content":" "}`, `{"type":"Replace","pattern":{"Regex":"a"},"content":" "}`, "decoder Replace: only a pattern of kind String"},
		"a pattern in the normalizer":     {`"pattern":{"String":" "},"content":"▁"`, `"pattern":{"Regex":" "},"content":"▁"`, "normalizer Replace: only a pattern of kind String"},
		"a byte-level pre-tokenizer":      {`"pre_tokenizer":null`, `"pre_tokenizer":{"type":"ByteLevel"}`, `byte_fallback "ByteLevel" is not supported`},
		"an unknown scheme of blanks":     {`"pre_tokenizer":null`, `"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"last"}`, `prepend_scheme "last"`},
		"a missing byte":                  {`"<0x5A>":93,`, ``, `no token for byte 0x5A ("<0x5A>")`},
	} {
		if !strings.Contains(file, c.from) {
			t.Fatalf("%s: the file has no %s", name, c.from)
		}
		_, err := parse([]byte(strings.Replace(file, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "tokenizer.json") {
		t.Errorf("loading an empty folder: %v", err)
	}
	path := filepath.Join(dir, "tokenizer.json")
	if err := os.WriteFile(path, []byte(small()), 0o600); err != nil {
		t.Fatal(err)
	}
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := tok.TokenID("<end>"); !ok || id != 257 || tok.VocabSize() != 258 {
		t.Errorf("<end> is %d (%t) of %d", id, ok, tok.VocabSize())
	}
	if _, ok := tok.TokenID("<image>"); ok {
		t.Error("a token that the file does not have was found")
	}
}

func TestDecodePassesOverUnknownIDsAndSpecialTokens(t *testing.T) {
	tok, err := parse([]byte(small()))
	if err != nil {
		t.Fatal(err)
	}
	ids := []int32{-1, 256, 257, 100_000, 'c'}
	if got := tok.Decode(ids, true); got != "abc" {
		t.Errorf("without special tokens: %q", got)
	}
	if got := tok.Decode(ids, false); got != "ab<end>c" {
		t.Errorf("with special tokens: %q", got)
	}
}

func TestStreamHoldsACharacterUntilItIsComplete(t *testing.T) {
	tok, err := parse([]byte(small()))
	if err != nil {
		t.Fatal(err)
	}
	stream := tok.NewStream()
	for i, want := range []string{"", "", "€", "", "\uFFFDa"} {
		id := []int32{0xe2, 0x82, 0xac, 0xe2, 'a'}[i]
		if got := stream.Push(id); got != want {
			t.Errorf("token %d: %q, want %q", i, got, want)
		}
	}
	stream.Push(0xf0)
	if got := stream.Flush(); got != "\uFFFD" {
		t.Errorf("Flush answers %q for a character that is cut off", got)
	}
	if got := stream.Flush(); got != "" {
		t.Errorf("a second Flush answers %q", got)
	}
}

func TestNoTextIsLongerThanItsTokensAllow(t *testing.T) {
	if small, err := parse([]byte(small())); err != nil || small.LongestText(10) != 10*3*len("<end>") {
		t.Errorf("got %v, %v", small, err)
	}
	g := readGoldens(t)
	for _, golden := range g.Tokenizers {
		swallows := strings.Contains(golden.File, `strip":true`) || strings.Contains(golden.File, `strip": true`)
		if swallows || strings.HasSuffix(golden.Name, "matches only") {
			continue // their texts hold more than their tokens do
		}
		tokenizer := golden.parse(t)
		for i, text := range g.Texts {
			if limit := tokenizer.LongestText(len(golden.IDs[i])); len(text) > limit {
				t.Errorf("%s: %q has %d bytes in %d tokens, the limit says %d", golden.Name, text, len(text), len(golden.IDs[i]), limit)
			}
		}
	}
}

func TestATemplateIsNotAddedTwice(t *testing.T) {
	tok, err := parse([]byte(small(`"post_processor":null`, `"post_processor":{"type":"TemplateProcessing",
		"single":[{"SpecialToken":{"id":"s"}},{"Sequence":{"id":"A"}}],"special_tokens":{"s":{"ids":[257]}}}`)))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ab", "<end>ab"} {
		ids, err := tok.Encode(text)
		if err != nil || len(ids) != 2 || ids[0] != 257 || ids[1] != 256 {
			t.Errorf("Encode(%q) = %v, %v", text, ids, err)
		}
	}
}

func TestManyGoroutinesShareATokenizer(t *testing.T) {
	g := readGoldens(t)
	form := g.Tokenizers[0]
	tok := form.parse(t)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < len(g.Texts); i += 3 {
				if got, err := tok.Encode(g.Texts[i]); err != nil || len(got) != len(form.IDs[i]) {
					t.Errorf("Encode(%q) = %v, %v", g.Texts[i], got, err)
				}
			}
		})
	}
	wg.Wait()
}
