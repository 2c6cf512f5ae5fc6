package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"aircache.dev/aircache/runtime/server/openai"
)

// Keys are the API keys that are accepted. They may be replaced while the server answers. A nil *Keys asks for none.
type Keys struct {
	digests atomic.Pointer[[][sha256.Size]byte]
}

// NewKeys accepts keys, at least one.
func NewKeys(keys []string) *Keys {
	k := &Keys{}
	k.Replace(keys)
	return k
}

// Replace accepts these keys from the next request on, and no others. Requests that were let in go on.
func (k *Keys) Replace(keys []string) {
	digests := make([][sha256.Size]byte, len(keys))
	for i, key := range keys {
		digests[i] = sha256.Sum256([]byte(key))
	}
	k.digests.Store(&digests)
}

// tenant is a name for who has the key: the same for the same key, and no way back to it. Digests are compared, each of
// them, so that the time taken tells neither a key's length nor which key came close.
func (k *Keys) tenant(token string) (name string, known bool) {
	given := sha256.Sum256([]byte(token))
	match := 0
	for _, digest := range *k.digests.Load() {
		match |= subtle.ConstantTimeCompare(given[:], digest[:])
	}
	of := sha256.Sum256(given[:])
	return hex.EncodeToString(of[:8]), match == 1
}

// requireKey lets a request through if its bearer token is one of the keys, and within the tenant's bound.
func (s *Server) requireKey(next http.Handler) http.Handler {
	if s.opts.Keys == nil {
		return next
	}
	open := openRequests{limit: s.opts.MaxPerKey}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		tenant, known := s.opts.Keys.tenant(token)
		if !known || !strings.EqualFold(scheme, "bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeError(w, openai.Refusal(http.StatusUnauthorized, openai.TypeAuthentication, openai.CodeInvalidAPIKey,
				"Missing or wrong API key; send it as 'Authorization: Bearer KEY'."))
			return
		}
		if !open.enter(tenant) {
			writeError(w, openai.TooMany(queueRetrySeconds, "This API key has %d requests under way, the most that it may have; wait for one to end.", s.opts.MaxPerKey))
			return
		}
		defer open.leave(tenant)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tenantKey{}, tenant)))
	})
}

type tenantKey struct{}

// tenantOf is who asks; empty where no key is asked for: then all users are one.
func tenantOf(ctx context.Context) string {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	return tenant
}

// openRequests counts the requests of each tenant that are under way.
type openRequests struct {
	limit int // 0: none
	mu    sync.Mutex
	of    map[string]int
}

func (o *openRequests) enter(tenant string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.limit > 0 && o.of[tenant] >= o.limit {
		return false
	}
	if o.of == nil {
		o.of = map[string]int{}
	}
	o.of[tenant]++
	return true
}

// leave forgets a tenant with its last request: keys come and go.
func (o *openRequests) leave(tenant string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of[tenant]--; o.of[tenant] == 0 {
		delete(o.of, tenant)
	}
}
