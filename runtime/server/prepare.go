package server

import (
	"context"
	"runtime"
	"sync/atomic"

	"aircache.dev/aircache/runtime/chat"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/server/openai"
)

// Tokenizer turns the prompt into ids and ids into text.
type Tokenizer interface {
	Encode(text string) ([]int32, error)
	Decode(ids []int32, skipSpecial bool) string
	NewStream() TokenStream
}

// TokenStream turns an answer's ids into text piece by piece; it holds incomplete characters back.
type TokenStream interface {
	Push(id int32) string
	Flush() string
}

// Template renders a conversation as the model was trained to read it.
type Template interface {
	Render(messages []chat.Message, addGenerationPrompt bool) (string, error)
}

// Pictures measures, decodes and preprocesses one of a prompt's pictures; its errors say what is wrong with it.
type Pictures interface {
	// Measure reads the header only, and gives the tokens that the picture will take.
	Measure(source image.Source, pictures int) (int, error)
	Prepare(source image.Source, pictures int) (image.Pixels, error)
}

// prompt is a conversation as the engine takes it.
type prompt struct {
	tokens []int32
	images []image.Pixels
}

// workers bounds the CPU work before the engine: each core prepares one request,
// some wait, the rest is told to come back.
type workers struct {
	slots   chan struct{}
	waiting atomic.Int64
	limit   int64
}

func newWorkers(maxWaiting int) *workers {
	return &workers{slots: make(chan struct{}, runtime.GOMAXPROCS(0)), limit: int64(maxWaiting)}
}

// do runs the work on the caller's goroutine once a slot is free.
func (w *workers) do(ctx context.Context, work func() *openai.Error) *openai.Error {
	if w.waiting.Add(1) > w.limit+int64(cap(w.slots)) {
		w.waiting.Add(-1)
		return openai.Busy(openai.CodeQueueFull, queueRetrySeconds, "The queue is full: %d requests wait to be prepared.", w.limit)
	}
	defer w.waiting.Add(-1)
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
		return work()
	case <-ctx.Done():
		return openai.ClientGone()
	}
}

// checkSize refuses what cannot fit before anything is fetched or decoded for it.
func (m *Model) checkSize(messages []openai.Message, maxImages int) *openai.Error {
	if err := m.checkPictureCount(len(collectPictures(messages)), maxImages); err != nil {
		return err
	}
	return m.checkTextLength(messages)
}

// prepare makes a conversation whose pictures are here into tokens and pixels. What is cheap to refuse is
// refused first: no picture is decoded for a prompt that cannot fit.
func (m *Model) prepare(messages []openai.Message) (prompt, *openai.Error) {
	pictures := collectPictures(messages)
	counts, err := m.measure(pictures)
	if err != nil {
		return prompt{}, err
	}
	tokens, err := m.tokenize(messages, counts)
	if err != nil {
		return prompt{}, err
	}
	if len(tokens) >= m.MaxModelLen {
		return prompt{}, tooLong(len(tokens), m.MaxModelLen)
	}
	p := prompt{tokens: tokens}
	for _, picture := range pictures {
		pixels, err := m.Pictures.Prepare(sourceOf(picture), len(pictures))
		if err != nil {
			return prompt{}, invalidPicture(picture, err)
		}
		p.images = append(p.images, pixels)
	}
	return p, nil
}

func collectPictures(messages []openai.Message) []openai.Part {
	var pictures []openai.Part
	for _, message := range messages {
		for _, part := range message.Content {
			if part.ImageURL != "" {
				pictures = append(pictures, part)
			}
		}
	}
	return pictures
}

func sourceOf(picture openai.Part) image.Source {
	return image.Source{DataURL: picture.ImageURL, Encoded: picture.Encoded}
}

func invalidPicture(picture openai.Part, err error) *openai.Error {
	return openai.Invalid(picture.Param, openai.CodeInvalidImage, "Invalid '%s': %v.", picture.Param, err)
}

// measure gives each picture's tokens, by its header.
func (m *Model) measure(pictures []openai.Part) ([]int, *openai.Error) {
	counts := make([]int, len(pictures))
	for i, picture := range pictures {
		n, err := m.Pictures.Measure(sourceOf(picture), len(pictures))
		if err != nil {
			return nil, invalidPicture(picture, err)
		}
		counts[i] = n
	}
	return counts, nil
}

// checkPictureCount counts the tower's rows: no picture takes fewer tokens.
func (m *Model) checkPictureCount(n int, maxImages int) *openai.Error {
	if n > maxImages {
		return openai.Invalid("messages", openai.CodeInvalidValue, "The request has %d pictures; this server accepts at most %d.", n, maxImages)
	}
	if n*m.VisualTokens >= m.MaxModelLen {
		return tooLong(n*m.VisualTokens, m.MaxModelLen)
	}
	return nil
}

func (m *Model) checkTextLength(messages []openai.Message) *openai.Error {
	n := 0
	for _, message := range messages {
		for _, part := range message.Content {
			n += len(part.Text)
		}
	}
	if n > m.MaxTextBytes {
		return openai.Invalid("messages", openai.CodeContextLength,
			"This model's maximum context length is %d tokens, which %d bytes of text can fill; your messages have %d bytes.", m.MaxModelLen, m.MaxTextBytes, n)
	}
	return nil
}

// tokenize renders and encodes the conversation, with each picture's token repeated
// to the rows that the picture will have.
func (m *Model) tokenize(messages []openai.Message, counts []int) ([]int32, *openai.Error) {
	text, err := m.Template.Render(forTemplate(messages), true)
	if err != nil {
		return nil, openai.Invalid("messages", openai.CodeInvalidValue, "The messages cannot be made into a prompt: %v.", err)
	}
	ids, err := m.Tokenizer.Encode(text)
	if err != nil {
		return nil, openai.Invalid("messages", openai.CodeInvalidValue, "The messages cannot be encoded: %v.", err)
	}
	if marks := countToken(ids, m.ImageToken); marks != len(counts) {
		return nil, openai.Invalid("messages", openai.CodeInvalidValue,
			"The messages' text has the model's picture token in it (%d in all for %d pictures); send pictures as 'image_url' parts.", marks, len(counts))
	}
	expanded, err := chat.ExpandImages(ids, m.ImageToken, counts)
	if err != nil {
		return nil, openai.Invalid("messages", openai.CodeInvalidValue, "The pictures cannot be placed: %v.", err)
	}
	return expanded, nil
}

func forTemplate(messages []openai.Message) []chat.Message {
	out := make([]chat.Message, len(messages))
	for i, message := range messages {
		out[i].Role = message.Role
		for _, part := range message.Content {
			kind := "text"
			if part.ImageURL != "" {
				kind = "image"
			}
			out[i].Content = append(out[i].Content, chat.Part{Type: kind, Text: part.Text})
		}
	}
	return out
}

func countToken(ids []int32, token int32) int {
	n := 0
	for _, id := range ids {
		if id == token {
			n++
		}
	}
	return n
}

func tooLong(got, limit int) *openai.Error {
	return openai.Invalid("messages", openai.CodeContextLength,
		"This model's maximum context length is %d tokens, the answer included; your messages take %d tokens.", limit, got)
}
