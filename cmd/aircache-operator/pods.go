package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// keepIdle is longer than the shortest tuning intervals.
const keepIdle = 5 * time.Second

// podClient talks to pods only: no proxy, and no redirect that would lead a request elsewhere. What it asks for is short, so time to
// unpack would be all that compression changed; a connection that waits for the next look takes 20 KiB, a new one a moment.
func podClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConnsPerHost: 1,
			IdleConnTimeout:     keepIdle,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var errCacheIsEmpty = errors.New("the cache is not filled yet")

// cacheIsFilled answers within a second, as a probe must.
func cacheIsFilled(ctx context.Context, m manager.Manager) error {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if !m.GetCache().WaitForCacheSync(ctx) {
		return errCacheIsEmpty
	}
	return nil
}
