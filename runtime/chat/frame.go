package chat

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// frame is what InternVL's processor puts around each picture's placeholder once the template has run: "<img>" and "</img>".
// Other families' templates write all of it themselves.
type frame struct{ placeholder, start, end string }

// readFrame reads the tokens' names where tokenizer_config.json has them.
func readFrame(dir string) (f frame, err error) {
	type names struct {
		Context json.RawMessage `json:"context_image_token"`
		Start   json.RawMessage `json:"start_image_token"`
		End     json.RawMessage `json:"end_image_token"`
	}
	var config struct {
		names
		Extra json.RawMessage `json:"extra_special_tokens"` // an object of names, or a list that has none
	}
	path := filepath.Join(dir, "tokenizer_config.json")
	if err := readJSON(path, &config); err != nil {
		return f, err
	}
	var extra names
	if strings.HasPrefix(string(config.Extra), "{") {
		if err := json.Unmarshal(config.Extra, &extra); err != nil {
			return f, fmt.Errorf("reading %s: extra_special_tokens: %w", path, err)
		}
	}
	for _, field := range []struct {
		to         *string
		one, other json.RawMessage
	}{{&f.placeholder, config.Context, extra.Context}, {&f.start, config.Start, extra.Start}, {&f.end, config.End, extra.End}} {
		written := field.one
		if len(written) == 0 {
			written = field.other
		}
		if *field.to, err = tokenText(written); err != nil {
			return f, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return f, nil
}

// around puts the frame around every placeholder.
func (f frame) around(text string) string {
	if f.placeholder == "" {
		return text
	}
	return strings.ReplaceAll(text, f.placeholder, f.start+f.placeholder+f.end)
}
