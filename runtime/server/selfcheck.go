package server

import (
	"fmt"

	"aircache.dev/aircache/runtime/server/openai"
)

// Check puts one picture through template and tokenizer. It finds the folder out,
// while it loads, whose files do not belong together, rather than at each request.
func (m *Model) Check() error {
	text, err := m.Template.Render(forTemplate([]openai.Message{{Role: "user", Content: []openai.Part{{ImageURL: "data:"}, {Text: "What is it?"}}}}), true)
	if err != nil {
		return fmt.Errorf("trying a question about a picture: %w", err)
	}
	ids, err := m.Tokenizer.Encode(text)
	if err != nil {
		return fmt.Errorf("trying a question about a picture: %w", err)
	}
	if marks := countToken(ids, m.ImageToken); marks != 1 {
		return fmt.Errorf("trying a question about a picture: chat template and tokenizer.json make %d picture tokens of it (config.json's image_token_index is %d), 1 is wanted", marks, m.ImageToken)
	}
	return nil
}
