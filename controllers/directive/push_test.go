package directive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/control"
)

var (
	now    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tuning = control.Tuning{UID: "u-1", Pool: "l40s", Epoch: 1, Revision: 8, TargetPermille: 400, FloorPermille: 100}
)

// answer is a pod that decides by the shared rules.
func answer(t *testing.T, w http.ResponseWriter, r *http.Request, own control.Bounds, applied control.Ack) {
	ring, err := control.ParseKeyring(keys(t).Public())
	if err != nil {
		t.Error(err)
	}
	got, err := ring.Open(r.Body)
	if err != nil || r.Method != http.MethodPut || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s with %s: %v", r.Method, r.Header.Get("Content-Type"), err)
	}
	if err := got.Check(applied, own); err != nil {
		var refused *control.Error
		errors.As(err, &refused)
		w.WriteHeader(refused.Status())
		_ = json.NewEncoder(w).Encode(control.ErrorBody{Error: refused})
		return
	}
	_ = json.NewEncoder(w).Encode(got.Accepted(now))
}

func TestPushCollectsEachPodsAnswer(t *testing.T) {
	own := control.Bounds{UID: "u-1", Pool: "l40s", FloorPermille: 100, CeilingPermille: 1000}
	pods := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			answer(t, w, r, own, control.Ack{})
		case "/again":
			answer(t, w, r, own, tuning.Accepted(now))
		case "/newer":
			answer(t, w, r, own, control.Ack{Epoch: 1, Revision: 9})
		case "/foreign":
			answer(t, w, r, control.Bounds{UID: "u-2", CeilingPermille: 1000}, control.Ack{})
		case "/floor":
			answer(t, w, r, control.Bounds{FloorPermille: 500, CeilingPermille: 1000}, control.Ack{})
		case "/liar":
			fmt.Fprint(w, `{"revision":8,"epoch":1,"targetPermille":1000}`)
		case "/html":
			http.Error(w, "<html>", http.StatusBadGateway)
		case "/slow":
			_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client has gone
			<-r.Context().Done()
		}
	}))
	defer pods.Close()

	cases := []struct{ path, says, code string }{
		{"/good", "", ""},
		{"/again", "", ""},
		{"/newer", "status 409", control.CodeStale},
		{"/foreign", "status 400", control.CodeWrongAddressee},
		{"/floor", "status 400", control.CodeOutOfBounds},
		{"/liar", "acknowledges epoch 1, revision 8, 1000 permille", ""},
		{"/html", "status 502 without a reason", ""},
		{"/slow", "deadline exceeded", ""},
	}
	var list []Pod
	for _, c := range cases {
		list = append(list, Pod{UID: c.path, URL: pods.URL + c.path})
	}
	pusher := Pusher{Client: http.DefaultClient, Keys: keys(t), Timeout: 200 * time.Millisecond, Parallel: 4}
	for i, r := range pusher.Push(context.Background(), tuning, list) {
		c := cases[i]
		var refused *control.Error
		switch {
		case r.Pod != c.path:
			t.Errorf("result %d is of %s", i, r.Pod)
		case c.says == "" && (r.Err != nil || !tuning.Same(r.Ack)):
			t.Errorf("%s: got %+v, %v", c.path, r.Ack, r.Err)
		case c.says != "" && (r.Err == nil || !strings.Contains(r.Err.Error(), c.says)):
			t.Errorf("%s: got %v, want %q", c.path, r.Err, c.says)
		case c.code != "" && (!errors.As(r.Err, &refused) || refused.Code != c.code):
			t.Errorf("%s: got %v, want code %s", c.path, r.Err, c.code)
		}
	}
}

func TestPushNeverHasMorePodsAtOnceThanAllowed(t *testing.T) {
	var running, most atomic.Int32
	pods := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		answer(t, w, r, control.Bounds{CeilingPermille: 1000}, control.Ack{})
		running.Add(-1)
	}))
	defer pods.Close()
	pusher := Pusher{Client: http.DefaultClient, Keys: keys(t), Timeout: 10 * time.Second, Parallel: 3}
	for _, r := range pusher.Push(context.Background(), tuning, make40(pods.URL)) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if most.Load() > 3 {
		t.Errorf("%d pods were told at once, 3 are allowed", most.Load())
	}
}

func make40(url string) []Pod {
	pods := make([]Pod, 40)
	for i := range pods {
		pods[i] = Pod{UID: fmt.Sprint(i), URL: url}
	}
	return pods
}
