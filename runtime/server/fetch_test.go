package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// fakeWeb answers pictures by URL; a URL that it does not know is refused.
type fakeWeb map[string]io.Reader

func (f fakeWeb) Open(_ context.Context, url string) (io.ReadCloser, error) {
	if r, known := f[url]; known {
		return io.NopCloser(r), nil
	}
	return nil, errors.New("its host is not on the public Internet")
}

func askOf(urls ...string) string {
	var parts []string
	for _, url := range urls {
		parts = append(parts, fmt.Sprintf(`{"type":"image_url","image_url":{"url":%q}}`, url))
	}
	return `{"model":"tiny","messages":[{"role":"user","content":[` + strings.Join(parts, ",") + `,{"type":"text","text":"What?"}]}]}`
}

func TestPicturesByURLAreFetchedInTheirPlaces(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *Model) {
		o.Fetcher = fakeWeb{"https://pictures.example/a": strings.NewReader("12"), "HTTP://pictures.example/b": strings.NewReader("1234")}
	})
	g := w.do("POST", "/v1/chat/completions", askOf("HTTP://pictures.example/b", "data:image/png;base64,MQ==", "https://pictures.example/a"))
	if g.status != http.StatusOK {
		t.Fatalf("got %d %s", g.status, g.body)
	}
	var sizes []int
	for _, p := range w.engine.request(0).Images {
		sizes = append(sizes, p.W) // the fake's pixels tell how many bytes there were
	}
	if fmt.Sprint(sizes) != "[4 1 2]" {
		t.Errorf("pictures of %v bytes came, want 4, 1 and 2", sizes)
	}
	if !w.server.bodies.TryAcquire(bodiesInMemory * (w.server.opts.MaxBodyBytes + 1)) {
		t.Error("memory of the pictures is still booked")
	}
}

func TestAPictureThatCannotBeFetchedIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		web  fakeWeb
		says string
	}{
		"refused":   {fakeWeb{}, "cannot be fetched: its host is not on the public Internet"},
		"broken":    {fakeWeb{"http://a/": iotest.ErrReader(errors.New("it broke off"))}, "cannot be fetched: it broke off"},
		"empty":     {fakeWeb{"http://a/": strings.NewReader("")}, "cannot be fetched: it is empty"},
		"no format": {fakeWeb{"http://a/": strings.NewReader("bad")}, "no known format"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options, _ *Model) { o.Fetcher = c.web })
			g := w.do("POST", "/v1/chat/completions", askOf("data:image/png;base64,MQ==", "http://a/"))
			e := g.err(t)
			if g.status != http.StatusBadRequest || e.Code != "invalid_image" || e.Param == nil || *e.Param != "messages[0].content[1].image_url.url" || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %d %s", g.status, g.body)
			}
			if strings.Contains(w.log.String(), "http://a/") {
				t.Errorf("the log tells what was asked for: %s", w.log)
			}
		})
	}
}

// What cannot fit is refused before a host is asked.
func TestNothingIsFetchedForAPromptThatCannotFit(t *testing.T) {
	asked := webThatMustNotBeAsked{t}
	w := newWorld(t, func(o *Options, _ *Model) { o.Fetcher = asked })
	if g := w.do("POST", "/v1/chat/completions", askOf("http://a/", "http://a/", "http://a/", "http://a/", "http://a/")); g.status != http.StatusBadRequest || !strings.Contains(g.body, "at most 4") {
		t.Errorf("got %d %s", g.status, g.body)
	}
}

type webThatMustNotBeAsked struct{ t *testing.T }

func (w webThatMustNotBeAsked) Open(context.Context, string) (io.ReadCloser, error) {
	w.t.Error("a host was asked")
	return nil, io.EOF
}

// Bodies and fetched pictures share one bound on memory.
func TestPicturesThatFindNoMemoryAreToldToComeBack(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *Model) {
		o.MaxBodyBytes = 4096
		o.Fetcher = fakeWeb{"http://a/": strings.NewReader(strings.Repeat("x", 1<<20))}
	})
	g := w.do("POST", "/v1/chat/completions", askOf("http://a/"))
	if g.status != http.StatusServiceUnavailable || g.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", g.status, g.body)
	}
}
