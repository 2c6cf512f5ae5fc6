package openai

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// decodeDataURL returns the bytes behind data:image/...;base64,... The media type
// only has to be a picture's: the bytes themselves say which format they are.
func decodeDataURL(param, raw string) ([]byte, *Error) {
	scheme, rest, ok := strings.Cut(raw, ":")
	if !ok || !strings.EqualFold(scheme, "data") {
		return nil, Invalid(param, CodeInvalidImage, "Invalid '%s': only data: URLs are accepted, as in data:image/png;base64,...; this server fetches nothing.", param)
	}
	head, payload, ok := strings.Cut(rest, ",")
	if !ok {
		return nil, Invalid(param, CodeInvalidImage, "Invalid '%s': the data: URL has no comma before its data.", param)
	}
	media, isBase64 := strings.CutSuffix(strings.ToLower(head), ";base64")
	if media != "" && !strings.HasPrefix(media, "image/") && !strings.HasPrefix(media, "application/octet-stream") {
		return nil, Invalid(param, CodeInvalidImage, "Invalid '%s': the data: URL is of type '%s', expected image/jpeg, image/png or image/webp.", param, shorten(media))
	}
	if !isBase64 {
		return nil, Invalid(param, CodeInvalidImage, "Invalid '%s': the data: URL must be base64, as in data:image/png;base64,...", param)
	}
	bytes, problem := decodeBase64(payload)
	if problem != "" {
		return nil, Invalid(param, CodeInvalidImage, "Invalid '%s': the data: URL's base64 cannot be decoded: %s.", param, problem)
	}
	if len(bytes) == 0 {
		return nil, Invalid(param, CodeInvalidImage, "Invalid '%s': the data: URL is empty.", param)
	}
	return bytes, nil
}

// decodeBase64 takes the standard alphabet, padded or not, percent-escaped or not, as browsers do.
func decodeBase64(payload string) ([]byte, string) {
	if strings.Contains(payload, "%") {
		plain, err := url.PathUnescape(payload)
		if err != nil {
			return nil, "a percent escape is broken"
		}
		payload = plain
	}
	bytes, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil {
		return nil, strings.TrimPrefix(err.Error(), "illegal base64 data ")
	}
	return bytes, ""
}
