package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/image"
)

// sizedPictures take as many tokens as their bytes say, half of that among others. They must not be decoded.
type sizedPictures struct{ t *testing.T }

func (p sizedPictures) Measure(source image.Source, pictures int) (int, error) {
	encoded, err := source.Bytes(image.Limits{})
	if err != nil {
		return 0, err
	}
	if string(encoded) == "bad" {
		return 0, errors.New("reading the header: no known format")
	}
	var n int
	_, err = fmt.Sscan(string(encoded), &n)
	return n / pictures, err
}

func (p sizedPictures) Prepare(image.Source, int) (image.Pixels, error) {
	p.t.Error("a picture was decoded")
	return image.Pixels{}, nil
}

func TestPicturesAreCountedByTheirHeadersBeforeAnyIsDecoded(t *testing.T) {
	w := newWorld(t, func(_ *Options, m *Model) { m.Pictures = sizedPictures{t} })
	for name, c := range map[string]struct {
		pictures []string
		says     string
	}{
		"one that is too large":       {[]string{"MTk5"}, "your messages take 205 tokens"},          // 199, and user:|
		"three that are together":     {[]string{"MjAw", "MjAw", "MjAw"}, "take 204 tokens"},        // 3 times 66
		"one whose header is damaged": {[]string{"MTA=", "YmFk"}, "reading the header: no known f"}, // 10, bad
	} {
		t.Run(name, func(t *testing.T) {
			var parts []string
			for _, p := range c.pictures {
				parts = append(parts, `{"type":"image_url","image_url":{"url":"data:image/png;base64,`+p+`"}}`)
			}
			g := w.do("POST", "/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":[`+strings.Join(parts, ",")+`]}]}`)
			if g.status != http.StatusBadRequest || !strings.Contains(g.err(t).Message, c.says) {
				t.Errorf("got %d %s", g.status, g.body)
			}
		})
	}
}
