package observe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func scraper(timeout time.Duration, parallel int) *Scraper {
	return &Scraper{Client: http.DefaultClient, Clock: clocktesting.NewFakePassiveClock(start), Timeout: timeout, Parallel: parallel}
}

func TestAConnectionIsKeptWhenTheNextScrapeIsSoon(t *testing.T) {
	var dialled atomic.Int32
	pod := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, podText(7)) }))
	pod.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialled.Add(1)
		}
	}
	pod.Start()
	defer pod.Close()
	s := scraper(10*time.Second, 1)
	s.KeepIdle = 5 * time.Second
	for _, c := range []struct {
		next time.Duration
		want int32 // connections after this scrape
	}{{2 * time.Second, 1}, {2 * time.Second, 1}, {15 * time.Second, 1}, {15 * time.Second, 2}, {2 * time.Second, 3}, {2 * time.Second, 3}} {
		if r := s.Scrape(t.Context(), []Pod{{"1", pod.URL}}, c.next)[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		if got := dialled.Load(); got != c.want {
			t.Errorf("%d connections with the next scrape after %s, want %d", got, c.next, c.want)
		}
	}
}

func TestScrapeKeepsThePodsApart(t *testing.T) {
	var once atomic.Int32 // the slow pod answers when its client has gone
	pods := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			fmt.Fprint(w, podText(5))
		case "/slow":
			once.Add(1)
			<-r.Context().Done()
		case "/broken":
			http.Error(w, "no", http.StatusServiceUnavailable)
		case "/other":
			fmt.Fprint(w, "go_goroutines 1\n")
		}
	}))
	defer pods.Close()

	results := scraper(200*time.Millisecond, 8).Scrape(context.Background(), []Pod{
		{"1", pods.URL + "/slow"}, {"2", pods.URL + "/good"}, {"3", pods.URL + "/broken"}, {"4", pods.URL + "/other"}, {"5", "http://127.0.0.1:1/"}, {"6", ":"},
	}, time.Second)
	for i, says := range []string{"deadline exceeded", "", "status 503", "is missing", "refused", "missing protocol"} {
		r := results[i]
		if r.Pod != fmt.Sprint(i+1) || !r.At.Equal(start) {
			t.Errorf("result %d is of pod %s at %v", i, r.Pod, r.At)
		}
		if says == "" && r.Err != nil || says != "" && (r.Err == nil || !strings.Contains(r.Err.Error(), says)) {
			t.Errorf("pod %s: got %v, want %q", r.Pod, r.Err, says)
		}
	}
	if results[1].Snapshot.Counters.Finished != 5 || once.Load() != 1 {
		t.Errorf("got %+v", results[1].Snapshot)
	}
}

func TestScrapeNeverHasMorePodsAtOnceThanAllowed(t *testing.T) {
	var now, most atomic.Int32
	pods := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		fmt.Fprint(w, podText(5))
		now.Add(-1)
	}))
	defer pods.Close()
	all := make([]Pod, 40)
	for i := range all {
		all[i] = Pod{UID: fmt.Sprint(i), URL: pods.URL}
	}
	for _, r := range scraper(10*time.Second, 3).Scrape(context.Background(), all, time.Second) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if most.Load() > 3 {
		t.Errorf("%d pods were asked at once, 3 are allowed", most.Load())
	}
}
