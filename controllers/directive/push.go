package directive

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"aircache.dev/aircache/runtime/control"
)

// Pod is whom to tell.
type Pod struct {
	UID string
	URL string // of its /v1/tuning
}

// Result is one pod's answer. An *control.Error is a refusal; any other error means that
// it is not known whether the pod applies the tuning.
type Result struct {
	Pod string
	Ack control.Ack
	Err error
}

// Pusher tells pods over HTTP.
type Pusher struct {
	Client   *http.Client
	Keys     *Keys
	Timeout  time.Duration // of one pod
	Parallel int           // pods at once
}

// Push signs a tuning, sends it to all pods and answers in their order.
func (p *Pusher) Push(ctx context.Context, tuning control.Tuning, pods []Pod) []Result {
	results := make([]Result, len(pods))
	if len(pods) == 0 {
		return results
	}
	body, err := p.Keys.Sign(tuning)
	var group errgroup.Group
	group.SetLimit(max(p.Parallel, 1))
	for i, pod := range pods {
		results[i] = Result{Pod: pod.UID, Err: err}
		if err != nil {
			continue
		}
		group.Go(func() error {
			results[i].Ack, results[i].Err = p.one(ctx, pod.URL, body, tuning)
			return nil
		})
	}
	_ = group.Wait() // every error is in its result
	return results
}

func (p *Pusher) one(ctx context.Context, url string, body []byte, tuning control.Tuning) (control.Ack, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return control.Ack{}, fmt.Errorf("pushing a tuning: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := p.Client.Do(request)
	if err != nil {
		return control.Ack{}, fmt.Errorf("pushing a tuning: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return control.Ack{}, refusal(answer)
	}
	ack, err := control.DecodeAck(answer.Body)
	if err != nil {
		return control.Ack{}, fmt.Errorf("pushing a tuning: %w", err)
	}
	if !tuning.Same(ack) {
		return ack, fmt.Errorf("pushing a tuning: the pod acknowledges epoch %d, revision %d, %d permille instead of epoch %d, revision %d, %d permille",
			ack.Epoch, ack.Revision, ack.TargetPermille, tuning.Epoch, tuning.Revision, tuning.TargetPermille)
	}
	return ack, nil
}

func refusal(answer *http.Response) error {
	reason, err := control.DecodeError(answer.Body)
	if err != nil {
		return fmt.Errorf("pushing a tuning: status %d without a reason: %v", answer.StatusCode, err) // not %w: it is no refusal of the pod's
	}
	return fmt.Errorf("pushing a tuning: refused with status %d: %w", answer.StatusCode, reason)
}
