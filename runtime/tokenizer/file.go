package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxID bounds token ids, because tables are indexed by them.
const maxID = 1 << 24

// file is tokenizer.json. Its truncation and padding are left out: transformers sets both for every call.
type file struct {
	Added         []addedToken `json:"added_tokens"`
	Normalizer    *component   `json:"normalizer"`
	PreTokenizer  *component   `json:"pre_tokenizer"`
	PostProcessor *component   `json:"post_processor"`
	Decoder       *component   `json:"decoder"`
	Model         bpeFile      `json:"model"`
}

// addedToken is a token that is found in the text before any word is split.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// component is a normalizer, pre-tokenizer, post-processor or decoder: the union of the fields of those supported.
type component struct {
	Type           string      `json:"type"`
	Normalizers    []component `json:"normalizers"`
	PreTokenizers  []component `json:"pretokenizers"`
	Processors     []component `json:"processors"`
	Decoders       []component `json:"decoders"`
	AddPrefixSpace *bool       `json:"add_prefix_space"`
	UseRegex       *bool       `json:"use_regex"`
	Behavior       string      `json:"behavior"`
	Invert         bool        `json:"invert"`
	Pattern        struct {
		Regex  *string `json:"Regex"`
		String *string `json:"String"`
	} `json:"pattern"`
	Content       string                    `json:"content"`
	Prepend       string                    `json:"prepend"`
	Replacement   string                    `json:"replacement"`
	PrependScheme *string                   `json:"prepend_scheme"`
	Split         *bool                     `json:"split"`
	Start         int                       `json:"start"`
	Stop          int                       `json:"stop"`
	Single        []templatePiece           `json:"single"`
	SpecialTokens map[string]templateTokens `json:"special_tokens"`
}

type templatePiece struct {
	SpecialToken *struct {
		ID string `json:"id"`
	} `json:"SpecialToken"`
}

type templateTokens struct {
	IDs []int32 `json:"ids"`
}

// bpeFile is the model section.
type bpeFile struct {
	Type          string           `json:"type"`
	Dropout       *float64         `json:"dropout"`
	SubwordPrefix string           `json:"continuing_subword_prefix"`
	WordSuffix    string           `json:"end_of_word_suffix"`
	ByteFallback  bool             `json:"byte_fallback"`
	IgnoreMerges  bool             `json:"ignore_merges"`
	Vocab         map[string]int32 `json:"vocab"`
	Merges        []mergePair      `json:"merges"`
}

// mergePair is written as ["a","b"], or as "a b" in older files.
type mergePair [2]string

func (m *mergePair) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var pair []string
		if err := json.Unmarshal(b, &pair); err != nil {
			return err
		}
		if len(pair) != 2 {
			return fmt.Errorf("merge %s: expected two tokens", b)
		}
		*m = mergePair(pair)
		return nil
	}
	var line string
	if err := json.Unmarshal(b, &line); err != nil {
		return err
	}
	left, right, ok := strings.Cut(line, " ")
	if !ok {
		return fmt.Errorf("merge %q: expected two tokens with a space between", line)
	}
	*m = mergePair{left, right}
	return nil
}

// check refuses models of another kind than BPE and vocabularies that no table can hold.
func (m *bpeFile) check() error {
	switch {
	case m.Type != "BPE" && m.Type != "":
		return unsupported("model.type", m.Type)
	case m.Dropout != nil && *m.Dropout != 0:
		return unsupported("model.dropout", *m.Dropout)
	case m.SubwordPrefix != "":
		return unsupported("model.continuing_subword_prefix", m.SubwordPrefix)
	case m.WordSuffix != "":
		return unsupported("model.end_of_word_suffix", m.WordSuffix)
	case len(m.Vocab) == 0:
		return errors.New("model.vocab is empty")
	}
	for token, id := range m.Vocab {
		if err := checkID("model.vocab", token, id); err != nil {
			return err
		}
	}
	return nil
}

func checkID(field, token string, id int32) error {
	if id < 0 || id >= maxID {
		return fmt.Errorf("%s: token %q has id %d, expected 0..%d", field, token, id, maxID-1)
	}
	return nil
}

func unsupported(field string, value any) error {
	return fmt.Errorf("%s %#v is not supported", field, value)
}
