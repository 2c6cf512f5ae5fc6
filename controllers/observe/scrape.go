package observe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"
)

// Pod is where to scrape.
type Pod struct {
	UID string
	URL string // of its /metrics
}

// Scraper reads the metrics of pods over HTTP.
type Scraper struct {
	Client   *http.Client
	Clock    clock.PassiveClock
	Timeout  time.Duration // of one pod
	Parallel int           // pods at once
	KeepIdle time.Duration // how long the Client keeps a connection that nothing needs
}

// Scrape reads all pods and answers in their order. One round takes at most
// Timeout * ceil(pods/Parallel); a pod's failure is its own result. The next round is after about so long: a connection that would not last
// until then is closed at once.
func (s *Scraper) Scrape(ctx context.Context, pods []Pod, next time.Duration) []Result {
	results := make([]Result, len(pods))
	var group errgroup.Group
	group.SetLimit(max(s.Parallel, 1))
	for i, pod := range pods {
		group.Go(func() error {
			asked := s.Clock.Now()
			snapshot, err := s.one(ctx, pod.URL, next > s.KeepIdle)
			now := s.Clock.Now()
			results[i] = Result{Pod: pod.UID, At: now, Took: now.Sub(asked), Snapshot: snapshot, Err: err}
			return nil
		})
	}
	_ = group.Wait() // every error is in its result
	return results
}

func (s *Scraper) one(ctx context.Context, url string, last bool) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Snapshot{}, fmt.Errorf("asking for metrics: %w", err)
	}
	request.Header.Set("Accept", accepted)
	request.Close = last
	answer, err := s.Client.Do(request)
	if err != nil {
		return Snapshot{}, fmt.Errorf("asking for metrics: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, answer.Body, 4096) // so that the connection can be used again
		return Snapshot{}, fmt.Errorf("asking for metrics: status %d", answer.StatusCode)
	}
	return readAnswer(answer.Header, answer.Body)
}
