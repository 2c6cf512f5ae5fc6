package engine

import (
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/model"
)

// survey finds the visual rows of a valid request, and those among them that only pad a picture.
func survey(r Request, c model.Config) compress.Prompt {
	p := compress.Survey(r.Tokens, c.ImageToken)
	first := 0 // of the picture's rows among the visual ones
	for _, picture := range r.Images {
		for _, row := range picture.Padding() {
			p.Padding = append(p.Padding, p.Visual[first+row])
		}
		first += c.Rows(picture)
	}
	return p
}
