package model

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/image"
)

// text and vision change a field of a part of config.json; so does top of the whole.
func text(field string, v any) func(map[string]any) {
	return func(c map[string]any) { c["text_config"].(map[string]any)[field] = v }
}

func vision(field string, v any) func(map[string]any) {
	return func(c map[string]any) { c["vision_config"].(map[string]any)[field] = v }
}

func top(field string, v any) func(map[string]any) {
	return func(c map[string]any) { c[field] = v }
}

func TestUnsupportedConfigurationsAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"another architecture":       {top("architectures", []string{"MllamaForConditionalGeneration"}), `architectures: ["MllamaForConditionalGeneration"] is not supported`},
		"no architecture":            {top("architectures", nil), "architectures: []"},
		"quantized weights":          {top("quantization_config", map[string]any{"bits": 4}), "quantization_config is not supported"},
		"quantized text weights":     {text("quantization_config", map[string]any{"bits": 4}), "text_config.quantization_config"},
		"another text model":         {text("model_type", "gpt2"), `text_config.model_type: "gpt2"`},
		"another vision model":       {vision("model_type", "pixtral"), `vision_config.model_type: "pixtral"`},
		"another text activation":    {text("hidden_act", "gelu"), `text_config.hidden_act: "gelu"`},
		"another vision activation":  {vision("hidden_act", "relu"), `vision_config.hidden_act: "relu"`},
		"another middle activation":  {top("projector_hidden_act", "relu"), `projector_hidden_act: "relu"`},
		"another selection":          {top("vision_feature_select_strategy", "cls_only"), `vision_feature_select_strategy: "cls_only"`},
		"a layer too many":           {top("vision_feature_layer", 4), "vision_feature_layer: 4 is outside -4..3"},
		"a layer too many in a list": {top("vision_feature_layer", []int{0, -5}), "vision_feature_layer: -5"},
		"a sliding window":           {text("use_sliding_window", true), "text_config.use_sliding_window"},
		"Mistral's window":           {func(c map[string]any) { text("model_type", "mistral")(c); text("sliding_window", 4096)(c) }, "text_config.sliding_window: 4096 is not supported"},
		"Mistral's default window": {func(c map[string]any) {
			text("model_type", "mistral")(c)
			delete(c["text_config"].(map[string]any), "sliding_window")
		}, "text_config.sliding_window: it is missing"},
		"biases of attention":         {text("attention_bias", true), "text_config.attention_bias: true is not supported"},
		"llama3 without its factor":   {text("rope_scaling", map[string]any{"rope_type": "llama3"}), "text_config.rope_scaling.factor: 0 is outside"},
		"sliding layers":              {text("layer_types", []string{"full_attention", "sliding_attention"}), `text_config.layer_types: "sliding_attention"`},
		"scaled rotation, old name":   {text("rope_scaling", map[string]any{"type": "yarn", "factor": 4}), `text_config.rope_scaling.rope_type: "yarn"`},
		"scaled rotation, new name":   {text("rope_parameters", map[string]any{"rope_type": "longrope"}), `text_config.rope_parameters.rope_type: "longrope"`},
		"a rotation of halves":        {text("partial_rotary_factor", 0.5), "text_config.partial_rotary_factor: 0.5"},
		"an impossible theta":         {text("rope_theta", -1), "text_config.rope_theta: -1"},
		"no layers":                   {text("num_hidden_layers", 0), "text_config.num_hidden_layers: 0 is outside 1..1024"},
		"a huge hidden size":          {text("hidden_size", 1<<40), "text_config.hidden_size"},
		"heads that do not divide":    {text("num_key_value_heads", 3), "text_config.num_attention_heads: 4 is not a multiple of num_key_value_heads 3"},
		"no heads":                    {text("num_attention_heads", 0), "text_config.num_attention_heads: 0"},
		"an odd head":                 {text("head_dim", 7), "text_config.head_dim: 7 is not a multiple"},
		"vision heads that do not":    {vision("num_attention_heads", 5), "vision_config.hidden_size: 12 is not a multiple of num_attention_heads 5"},
		"a patch above the picture":   {vision("patch_size", 11), "vision_config.image_size: 10 is outside 11..8192"},
		"a picture that is no square": {vision("image_size", []int{10, 20}), "vision_config.image_size: [10 20] is not a square"},
		"no patch":                    {vision("patch_size", 0), "vision_config.patch_size: 0"},
		"text in place of a number":   {text("hidden_size", "big"), "text_config.hidden_size"},
		"no end token":                {top("eos_token_id", nil), "eos_token_id is missing"},
		"an end token too high":       {top("eos_token_id", []int{1, 50}), "eos_token_id: 50 is outside 0..49"},
		"a negative image token":      {top("image_token_index", -1), "image_token_index: -1"},
	} {
		dir := t.TempDir()
		config := small.config()
		c.change(config)
		writeJSON(t, filepath.Join(dir, "config.json"), config)
		if _, err := readSettings(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, the error should say %q", name, err, c.want)
		}
	}
}

func TestAllFindingsAreToldAtOnce(t *testing.T) {
	dir, config := t.TempDir(), small.config()
	text("hidden_act", "relu")(config)
	vision("hidden_act", "relu")(config)
	writeJSON(t, filepath.Join(dir, "config.json"), config)
	_, err := readSettings(dir)
	for _, want := range []string{dir, "text_config.hidden_act", "vision_config.hidden_act"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v should say %q", err, want)
		}
	}
}

func TestEndTokensOfGenerationConfigComeFirst(t *testing.T) {
	dir := t.TempDir()
	writeJSON(t, filepath.Join(dir, "config.json"), small.config())
	for want, generation := range map[int32]any{7: map[string]any{"eos_token_id": []int{7}}, 1: map[string]any{}} {
		writeJSON(t, filepath.Join(dir, "generation_config.json"), generation)
		s, err := readSettings(dir)
		if err != nil || !reflect.DeepEqual(s.eos, []int32{want}) {
			t.Errorf("the end tokens are %v, %v, [%d] wanted", s, err, want)
		}
	}
}

func TestConfigDescribesTheModel(t *testing.T) {
	dir, _ := small.write(t)
	got := open(t, dir).Config()
	if got.Identity == "" {
		t.Error("nothing says what cached rows depend on")
	}
	want := Config{Architecture: architecture, Identity: got.Identity, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 6, Hidden: 16, Vocab: 50, MaxPosition: 500,
		ImageToken: 49, VisualTokens: 9, Tower: image.Tower{Side: 10, Patch: 3, Rows: 9}, EOS: []int32{1}, KVBytesPerTokenLayer: 2 * 2 * 6 * 4}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the model describes itself as %+v, %+v wanted", got, want)
	}
}

// TestFoldersThatDoNotLoad: the error names the file, and the tensor where there is one.
func TestFoldersThatDoNotLoad(t *testing.T) {
	modern := small
	modern.modern = true
	for name, c := range map[string]struct {
		change func(dir string) error
		want   []string
	}{
		"no config":        {func(dir string) error { return os.Remove(filepath.Join(dir, "config.json")) }, []string{"config.json", "no such file"}},
		"a cut config":     {func(dir string) error { return os.Truncate(filepath.Join(dir, "config.json"), 40) }, []string{"config.json", "unexpected end"}},
		"no weights":       {func(dir string) error { return os.Remove(filepath.Join(dir, "model.safetensors")) }, []string{"neither model.safetensors"}},
		"cut weights":      {func(dir string) error { return os.Truncate(filepath.Join(dir, "model.safetensors"), 20000) }, []string{"model.safetensors", "tensor"}},
		"a wrong shape":    {func(dir string) error { return rewrite(dir, text("intermediate_size", 25)) }, []string{"mlp.gate_proj.weight", "[24 16]", "[25 16]"}},
		"a layer too few":  {func(dir string) error { return rewrite(dir, text("num_hidden_layers", 4)) }, []string{"model.language_model.layers.3."}},
		"no output head":   {func(dir string) error { return rename(dir, "lm_head.weight", "lm_xxxx.weight") }, []string{"output head", "lm_head.weight"}},
		"no language":      {func(dir string) error { return rename(dir, "embed_tokens.weight", "embed_xxxxxx.weight") }, []string{"language model", "embed_tokens.weight"}},
		"no vision tower":  {func(dir string) error { return rename(dir, "patch_embedding.weight", "patch_xxxxxxxxx.weight") }, []string{"vision tower"}},
		"integers for f32": {func(dir string) error { return rename(dir, `"dtype":"F32"`, `"dtype":"I32"`) }, []string{"dtype I32"}},
	} {
		dir, _ := modern.write(t)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		b, err := cpu.New(cpu.Options{Threads: 1, BLAS: cpu.Builtin})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Load(dir, b)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, the error should say %q", name, err, want)
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// rewrite changes config.json.
func rewrite(dir string, change func(map[string]any)) error {
	path := filepath.Join(dir, "config.json")
	var config map[string]any
	if err := readJSON(path, &config); err != nil {
		return err
	}
	change(config)
	content, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// rename replaces text of equal length in the weights' header.
func rename(dir, from, to string) error {
	path := filepath.Join(dir, "model.safetensors")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(content), from, to)), 0o600)
}
