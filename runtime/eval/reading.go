package eval

import (
	"fmt"
	"time"

	"aircache.dev/aircache/runtime/chat"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/tokenizer"
)

// folderReader asks as the API would: pictures first, then the question, in the model's chat template.
type folderReader struct {
	words     *tokenizer.Tokenizer
	template  *chat.Template
	processor image.Processor
	config    model.Config
}

// promptDay is the date in the prompts of models that want one: the same in every evaluation.
var promptDay = time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)

// OpenReader reads the tokenizer, the chat template and the preprocessing of a model's folder.
func OpenReader(dir string, config model.Config) (Reader, error) {
	words, err := tokenizer.Load(dir)
	if err != nil {
		return nil, err
	}
	template, err := chat.Load(dir, func() time.Time { return promptDay })
	if err != nil {
		return nil, err
	}
	processor, err := image.LoadProcessor(dir, config.Tower)
	if err != nil {
		return nil, err
	}
	return &folderReader{words, template, processor, config}, nil
}

func (r *folderReader) Prompt(it Item, maxTokens int) (Prompt, error) {
	p := Prompt{MaxTokens: maxTokens}
	parts, counts := []chat.Part{}, []int{}
	for i, picture := range it.Pictures {
		pixels, err := r.processor.Process(picture, len(it.Pictures))
		if err != nil {
			return p, fmt.Errorf("preparing picture %d: %w", i, err)
		}
		p.Images = append(p.Images, pixels)
		parts, counts = append(parts, chat.Part{Type: "image"}), append(counts, r.config.Rows(pixels))
	}
	parts = append(parts, chat.Part{Type: "text", Text: it.Question})
	text, err := r.template.Render([]chat.Message{{Role: "user", Content: parts}}, true)
	if err != nil {
		return p, fmt.Errorf("rendering the prompt: %w", err)
	}
	ids, err := r.words.Encode(text)
	if err != nil {
		return p, fmt.Errorf("encoding the prompt: %w", err)
	}
	p.Tokens, err = chat.ExpandImages(ids, r.config.ImageToken, counts)
	return p, err
}

func (r *folderReader) Encode(text string) ([]int32, error) { return r.words.Encode(text) }

func (r *folderReader) Decode(tokens []int32) string { return r.words.Decode(tokens, true) }
