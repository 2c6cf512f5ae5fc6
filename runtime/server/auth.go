package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"aircache.dev/aircache/runtime/server/openai"
)

// requireKey lets a request through if its bearer token is one of the keys. No
// keys: everybody. Digests are compared, each of them, so that the time taken
// tells neither a key's length nor which key came close.
func requireKey(keys []string, next http.Handler) http.Handler {
	if len(keys) == 0 {
		return next
	}
	digests := make([][sha256.Size]byte, len(keys))
	for i, key := range keys {
		digests[i] = sha256.Sum256([]byte(key))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		given := sha256.Sum256([]byte(token))
		match := 0
		for _, digest := range digests {
			match |= subtle.ConstantTimeCompare(given[:], digest[:])
		}
		if match == 0 || !strings.EqualFold(scheme, "bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeError(w, openai.Refusal(http.StatusUnauthorized, openai.TypeAuthentication, openai.CodeInvalidAPIKey,
				"Missing or wrong API key; send it as 'Authorization: Bearer KEY'."))
			return
		}
		next.ServeHTTP(w, r.WithContext(withTenant(r.Context(), given)))
	})
}
