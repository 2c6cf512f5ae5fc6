package parity

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// renamed is a copy of a model folder as transformers 5 holds it in memory: its tensor names, and the rotation where its
// configurations have it.
func renamed(t *testing.T, folder string) string {
	t.Helper()
	to := t.TempDir()
	must(t, os.CopyFS(to, os.DirFS(folder)))
	rewriteJSON(t, filepath.Join(to, "config.json"), func(config map[string]any) {
		text := config["text_config"].(map[string]any)
		theta, named := text["rope_theta"]
		if !named {
			theta = 10000.0
		}
		text["rope_parameters"] = map[string]any{"rope_type": "default", "rope_theta": theta}
		delete(text, "rope_theta")
		if token, named := config["image_token_index"]; named {
			config["image_token_id"] = token
			delete(config, "image_token_index")
		}
	})
	names := strings.NewReplacer("language_model.lm_head.", "lm_head.", "language_model.model.", "model.language_model.",
		"vision_tower.vision_model.", "model.vision_tower.", "vision_tower.", "model.vision_tower.", "multi_modal_projector.", "model.multi_modal_projector.", "image_newline", "model.image_newline")
	path := filepath.Join(to, "model.safetensors")
	b, err := os.ReadFile(path)
	must(t, err)
	var header map[string]any
	length := 8 + binary.LittleEndian.Uint64(b)
	must(t, json.Unmarshal(b[8:length], &header))
	modern := map[string]any{}
	for name, v := range header {
		modern[names.Replace(name)] = v
	}
	text, err := json.Marshal(modern)
	must(t, err)
	must(t, os.WriteFile(path, append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), b[length:]...), 0o600))
	return to
}

func rewriteJSON(t *testing.T, path string, change func(map[string]any)) {
	t.Helper()
	var v map[string]any
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, json.Unmarshal(b, &v))
	change(v)
	b, err = json.Marshal(v)
	must(t, err)
	must(t, os.WriteFile(path, b, 0o600))
}
