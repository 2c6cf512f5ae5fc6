package image

import (
	"errors"
	"strings"
	"testing"
)

func TestParseDataURLAnswersTheBytes(t *testing.T) {
	for _, url := range []string{
		"data:image/png;base64,aGVsbG8=",
		"data:image/png;base64,aGVsbG8",
		"DATA:image/png;charset=utf-8;BASE64,aGVsbG8=",
		"data:;base64,aGVsbG8=",
		"data:;base64,aGV\r\nsbG8=\n",
	} {
		if b, err := ParseDataURL(url, Limits{}); err != nil || string(b) != "hello" {
			t.Errorf("%s: %q, %v", url, b, err)
		}
	}
}

func TestParseDataURLSaysWhatIsWrong(t *testing.T) {
	for url, want := range map[string]string{
		"https://example.com/a.png":              "is no data: URL",
		"":                                       "is no data: URL",
		"data:image/png;base64":                  "no comma",
		"data:" + strings.Repeat("x", 300) + ",": "no comma",
		"data:image/png,hello":                   "not in base64",
		"data:base64,hello":                      "not in base64",
		"data:image/png;base64,":                 "empty",
		"data:image/png;base64,a-b_":             "illegal base64 data at input byte 1",
	} {
		if _, err := ParseDataURL(url, Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got error %v, want one with %q", url, err, want)
		}
	}
}

func TestParseDataURLHoldsTheLimit(t *testing.T) {
	_, err := ParseDataURL("data:image/png;base64,aGVsbG8=", Limits{Bytes: 4})
	var broken *LimitError
	if !errors.As(err, &broken) || broken.Name != "bytes" || broken.Got != 5 {
		t.Errorf("got %v", err)
	}
	if b, err := ParseDataURL("data:image/png;base64,aGVsbG8=", Limits{Bytes: 5}); err != nil || len(b) != 5 {
		t.Errorf("5 bytes within a limit of 5: %v", err)
	}
}
