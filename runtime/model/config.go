package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// settings are config.json and generation_config.json, checked, with Hugging Face's defaults filled in.
type settings struct {
	family    family
	sight     sightSettings // of families whose tower is not LLaVA's; nil otherwise, and then the three below hold
	vision    visionSettings
	anyres    anyresSettings
	text      textSettings
	projector projectorSettings

	imageToken int
	eos        []int32
}

// document is config.json as it is written. Pointers tell "not there" from zero; the names are those of transformers 4 and 5.
type document struct {
	Architectures []string        `json:"architectures"`
	Quantization  json.RawMessage `json:"quantization_config"`

	ImageTokenIndex *int `json:"image_token_index"`
	ImageTokenID    *int `json:"image_token_id"`

	ProjectorAct   *string  `json:"projector_hidden_act"`
	ProjectorBias  *bool    `json:"multimodal_projector_bias"`
	FeatureLayer   integers `json:"vision_feature_layer"`
	SelectStrategy *string  `json:"vision_feature_select_strategy"`

	Grids       [][]int  `json:"image_grid_pinpoints"`
	Downsample  *float64 `json:"downsample_ratio"`
	AspectRatio *string  `json:"vision_aspect_ratio"`

	Tied bool     `json:"tie_word_embeddings"`
	EOS  integers `json:"eos_token_id"`

	Vision visionDocument `json:"vision_config"`
	Text   textDocument   `json:"text_config"`

	ModelType string        `json:"model_type"`
	flat      *textDocument // the fields beside vision_config, where there is no text_config
}

// UnmarshalJSON looks at the decoder's fields in both places where published files have them.
func (d *document) UnmarshalJSON(text []byte) error {
	type plain document
	if err := json.Unmarshal(text, (*plain)(d)); err != nil {
		return err
	}
	var nested struct {
		Text json.RawMessage `json:"text_config"`
	}
	if err := json.Unmarshal(text, &nested); err != nil || len(nested.Text) > 0 && string(nested.Text) != "null" {
		return err
	}
	d.flat = &textDocument{}
	return json.Unmarshal(text, d.flat)
}

const maxConfigBytes = 4 << 20

// readSettings reads and checks the configuration of a model folder.
func readSettings(dir string) (*settings, error) {
	path := filepath.Join(dir, "config.json")
	var d document
	if err := readJSON(path, &d); err != nil {
		return nil, fmt.Errorf("reading config.json: %w", err)
	}
	var generation struct {
		EOS integers `json:"eos_token_id"`
	}
	err := readJSON(filepath.Join(dir, "generation_config.json"), &generation)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading generation_config.json: %w", err)
	}
	s, err := d.settings(generation.EOS)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// settings checks the document; end tokens that a generation_config.json names come before its own.
func (d *document) settings(end integers) (*settings, error) {
	s, err := d.check()
	if err != nil {
		return nil, err
	}
	if s.eos, err = endTokens(s.text.vocab, end, d.EOS, d.Text.EOS); err != nil {
		return nil, fmt.Errorf("end tokens: %w", err)
	}
	return s, nil
}

func readJSON(path string, into any) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxConfigBytes {
		return fmt.Errorf("%s has %d bytes, the limit is %d", path, info.Size(), maxConfigBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// check joins all findings, so that a user sees them at once.
func (d *document) check() (*settings, error) {
	family, err := familyOf(d.Architectures)
	if err != nil {
		return nil, err
	}
	if family.complete != nil {
		family.complete(d)
	}
	f := &findings{}
	f.absent("quantization_config", d.Quantization)
	s := &settings{family: family, text: d.Text.check(f)}
	s.text.tied = s.text.tied || d.Tied
	s.imageToken = value(d.ImageTokenIndex, value(d.ImageTokenID, 32000))
	f.between("image_token_index", s.imageToken, 0, maxVocab-1)
	d.see(f, s)
	return s, errors.Join(f.all...)
}

// see reads what is said about pictures.
func (d *document) see(f *findings, s *settings) {
	if s.family.sight != nil {
		s.sight = s.family.sight(d, f)
		return
	}
	s.vision = d.Vision.check(f)
	s.projector = d.projector(f, s.vision.layers)
	if s.family.anyres != nil {
		s.anyres = d.anyres(f, s)
	}
}

// endTokens takes the first list that says anything, as transformers does.
func endTokens(vocab int, lists ...integers) ([]int32, error) {
	for _, list := range lists {
		if len(list) == 0 {
			continue
		}
		var ids []int32
		for _, id := range list {
			if id < 0 || id >= vocab {
				return nil, fmt.Errorf("eos_token_id: %d is outside 0..%d", id, vocab-1)
			}
			ids = append(ids, int32(id))
		}
		return ids, nil
	}
	return nil, errors.New("eos_token_id is missing")
}

// integers is a number or a list of numbers; null is none.
type integers []int

func (l *integers) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("[")) {
		return json.Unmarshal(text, (*[]int)(l))
	}
	var one *int
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	if one != nil {
		*l = integers{*one}
	}
	return nil
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
