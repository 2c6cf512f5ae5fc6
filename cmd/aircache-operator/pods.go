package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// podClient talks to pods only: no proxy, and no redirect that would lead a request elsewhere.
func podClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConnsPerHost: 1,
			IdleConnTimeout:     90 * time.Second, // longer than most tuning intervals
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
