package image

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Source is a picture as a request brings it: written into a data: URL, or its bytes, which were fetched.
type Source struct {
	DataURL string
	Encoded []byte // counts where it is not nil
}

// Bytes of the encoded picture, within the limit on them.
func (s Source) Bytes(lim Limits) ([]byte, error) {
	if s.Encoded != nil {
		return s.Encoded, nil // DecodeConfig and Decode hold them to the limit
	}
	return ParseDataURL(s.DataURL, lim)
}

// ParseDataURL answers the bytes of a picture that is written into its URL: data:image/png;base64,iVBORw0... The media
// type is not looked at, because the bytes tell. The limit on bytes is checked before they are decoded.
func ParseDataURL(url string, lim Limits) ([]byte, error) {
	lim = lim.withDefaults()
	const scheme = "data:"
	if len(url) < len(scheme) || !strings.EqualFold(url[:len(scheme)], scheme) {
		return nil, errors.New("the picture's URL is no data: URL")
	}
	const longestHeader = 256
	comma := strings.IndexByte(url[:min(len(url), longestHeader)], ',')
	if comma < 0 {
		return nil, fmt.Errorf("the picture's data: URL has no comma in its first %d characters", longestHeader)
	}
	parameters := strings.Split(url[len(scheme):comma], ";")
	if last := parameters[len(parameters)-1]; len(parameters) < 2 || !strings.EqualFold(last, "base64") {
		return nil, errors.New("the picture's data: URL is not in base64: expected data:<media type>;base64,<data>")
	}
	data := strings.TrimRight(url[comma+1:], "=\r\n") // line breaks are allowed everywhere, also behind the padding
	if err := lim.checkBytes(int64(base64.RawStdEncoding.DecodedLen(len(data)))); err != nil {
		return nil, err
	}
	b, err := base64.RawStdEncoding.DecodeString(data)
	if err != nil {
		return nil, fmt.Errorf("decoding the picture's data: URL: %w", err)
	}
	if len(b) == 0 {
		return nil, errors.New("the picture's data: URL is empty")
	}
	return b, nil
}
