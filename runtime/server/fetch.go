package server

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/server/openai"
)

const (
	// maxFetches is how many pictures are fetched at once, for all requests; further ones wait.
	maxFetches = 64
	// fetchesPerRequest keeps one request from taking all of them.
	fetchesPerRequest = 4
)

// Fetcher opens a picture that a request names by its URL. Its errors are for the user (see package fetch).
type Fetcher interface {
	Open(ctx context.Context, url string) (io.ReadCloser, error)
}

// pictureBytes are the fetched pictures of a request, booked like bodies.
type pictureBytes []*body

func (p pictureBytes) free() {
	for _, b := range p {
		b.free()
	}
}

// fetchPictures brings what lies elsewhere into the messages. It takes no worker: a slow host costs no core.
func (s *Server) fetchPictures(ctx context.Context, messages []openai.Message) (pictureBytes, *openai.Error) {
	wanted := elsewhere(messages)
	if len(wanted) == 0 {
		return nil, nil
	}
	if s.opts.Fetcher == nil {
		return nil, openai.Invalid(wanted[0].Param, openai.CodeInvalidImage,
			"Invalid '%s': this server fetches no pictures; send it as a data: URL, as in data:image/png;base64,....", wanted[0].Param)
	}
	fetched := make(pictureBytes, len(wanted))
	for i := range fetched {
		fetched[i] = &body{memory: s.bodies, most: image.DefaultLimits.Bytes + 1}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fetchesPerRequest)
	for i, picture := range wanted {
		group.Go(func() error {
			if refusal := s.fetchPicture(ctx, picture, fetched[i]); refusal != nil {
				return refusal
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		fetched.free()
		var refusal *openai.Error
		errors.As(err, &refusal) // nothing else is returned
		return nil, refusal
	}
	for i, picture := range wanted {
		picture.Encoded = fetched[i].bytes
	}
	return fetched, nil
}

func elsewhere(messages []openai.Message) []*openai.Part {
	var list []*openai.Part
	for i := range messages {
		for j := range messages[i].Content {
			if part := &messages[i].Content[j]; part.IsFetched() {
				list = append(list, part)
			}
		}
	}
	return list
}

func (s *Server) fetchPicture(ctx context.Context, picture *openai.Part, into *body) *openai.Error {
	if s.fetches.Acquire(ctx, 1) != nil {
		return openai.ClientGone()
	}
	defer s.fetches.Release(1)
	start := s.now()
	err := readPicture(ctx, s.opts.Fetcher, picture.ImageURL, into)
	s.metrics.fetched(s.now().Sub(start), err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNoMemory):
		return noMemory()
	case ctx.Err() != nil:
		return openai.ClientGone()
	}
	return openai.Invalid(picture.Param, openai.CodeInvalidImage, "Invalid '%s': the picture cannot be fetched: %v.", picture.Param, err)
}

func readPicture(ctx context.Context, from Fetcher, url string, into *body) error {
	picture, err := from.Open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = picture.Close() }()
	if err := into.read(picture); err != nil {
		return err
	}
	if len(into.bytes) == 0 {
		return errors.New("it is empty")
	}
	return nil
}
