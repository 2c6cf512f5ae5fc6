package engine

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/control"
)

// onTrial puts a value on trial for a share of the requests.
func (w *world) onTrial(target, candidate, share int32) {
	w.t.Helper()
	wish := control.Tuning{Epoch: 1, Revision: w.Applied().Revision + 1, TargetPermille: target, CandidatePermille: candidate, CanaryPermille: share}
	if _, err := w.SetTuning(wish); err != nil {
		w.t.Fatal(err)
	}
}

// retentions answers so many requests one by one.
func (w *world) retentions(n int) (list []int) {
	for i := range n {
		h := w.submit(picturePrompt(1, 8, 5).max(2).named(fmt.Sprintf("r%d", i)))
		w.finishAll()
		list = append(list, w.read(h).usage.RetentionPermille)
	}
	return list
}

func TestAShareOfTheRequestsGetsTheCandidate(t *testing.T) {
	e := newWorld(t)
	e.onTrial(500, 200, 100)
	first := e.retentions(1000)
	canaries := 0
	for _, r := range first {
		if r == 200 {
			canaries++
		} else if r != 500 {
			t.Fatalf("a request got %d permille", r)
		}
	}
	if canaries < 70 || canaries > 130 {
		t.Errorf("%d of 1000 requests got the candidate, 100 are its share", canaries)
	}
	again := newWorld(t)
	again.onTrial(500, 200, 100)
	if !slices.Equal(first, again.retentions(1000)) {
		t.Error("another pod draws the same requests otherwise")
	}
	e.onTrial(500, 200, 100)
	if slices.Equal(first, e.retentions(1000)) {
		t.Error("the next trial falls on the same requests")
	}
}

func TestTheDrawIsEven(t *testing.T) {
	counts := [10]int{}
	for i := range 20000 {
		counts[drawnFor(fmt.Sprintf("chatcmpl-%d", i), 1, int64(i%7))/100]++
	}
	for tenth, n := range counts {
		if math.Abs(float64(n)-2000) > 5*math.Sqrt(2000*0.9) {
			t.Errorf("%d of 20000 draws fall into tenth %d: %v", n, tenth, counts)
		}
	}
}

func TestNoValueIsOnTrialForTexts(t *testing.T) {
	e := newWorld(t)
	e.onTrial(500, 200, 1000)
	h := e.submit(textPrompt(50, 5).max(3))
	e.finishAll()
	if a := e.read(h); a.usage.Canary || a.usage.RetentionPermille != 500 {
		t.Errorf("%+v", a.usage)
	}
}

func TestACandidateUnderThePodsFloorIsRefused(t *testing.T) {
	e := newWorld(t)
	_, err := e.SetTuning(control.Tuning{Epoch: 1, Revision: 1, TargetPermille: 500, CandidatePermille: 49, CanaryPermille: 100})
	if err == nil || e.Applied().TargetPermille != 1000 {
		t.Errorf("error %v, %+v is applied", err, e.Applied())
	}
}

// Both arms' caches of one request read the same words: what a pair says of each is what a request in that arm finds alone.
func TestARequestOnTrialIsComparedAtBothValues(t *testing.T) {
	request := picturePrompt(2, 8, 5).max(12)
	alone := func(permille int32) Agreement {
		w := &witness{}
		run(t, request, retention(permille), shadows(1000, w))
		return w.seen[0]
	}
	for _, share := range []int32{1, 1000} {
		w := &witness{}
		e := newWorld(t, shadows(1000, w))
		e.onTrial(500, 200, share)
		e.submit(request.named("r"))
		e.finishAll()
		e.expectEmpty()
		if len(w.seen) != 1 || w.seen[0].Other == nil || w.seen[0].Canary != (share == 1000) {
			t.Fatalf("share %d: %+v", share, w.seen)
		}
		served, other := w.seen[0], *w.seen[0].Other
		if served.RetentionPermille+other.RetentionPermille != 700 || served.Steps != 11 {
			t.Errorf("share %d: %+v and %+v", share, served, other)
		}
		if want := alone(int32(served.RetentionPermille)); served.Agreed != want.Agreed || math.Abs(served.KL-want.KL) > 1e-9 {
			t.Errorf("share %d: served %+v, alone %+v", share, served, want)
		}
		if other.Agreed > served.Steps || !(other.KL > 0) {
			t.Errorf("share %d: the other arm %+v", share, other)
		}
	}
}

func TestEveryRequestOnTrialIsCompared(t *testing.T) {
	w := &witness{}
	e := newWorld(t, shadows(1, w))
	e.onTrial(1000, 200, 1000)
	e.retentions(5)
	if len(w.seen) != 5 {
		t.Fatalf("%d of 5 were compared", len(w.seen))
	}
	for _, a := range w.seen {
		if a.Other == nil || a.Other.RetentionPermille != 1000 || a.Other.Agreed != a.Steps {
			t.Errorf("the whole cache always agrees with itself: %+v %+v", a, a.Other)
		}
	}
	e.expectEmpty()
}

func TestAFindingOfATrialThatIsOverIsNotReported(t *testing.T) {
	w := &witness{}
	e := newWorld(t, shadows(1000, w))
	e.onTrial(500, 200, 1000)
	e.submit(picturePrompt(1, 8, 5).max(9).named("canary"))
	e.turn()
	e.onTrial(500, 300, 1)
	e.finishAll()
	if len(w.seen) != 0 {
		t.Errorf("200 permille are on trial no more: %+v", w.seen)
	}
	e.submit(picturePrompt(1, 8, 5).max(9).named("stable"))
	e.turn()
	e.onTrial(500, 0, 0)
	e.finishAll()
	if len(w.seen) != 1 || w.seen[0].Canary || w.seen[0].Other != nil {
		t.Errorf("the stable value's own finding stands, without a pair: %+v", w.seen)
	}
	e.expectEmpty()
}

// The device compacts a prompt at one value; the pair's cache is copied from the whole one by the scores that the device tells.
func TestADevicesRequestsAreComparedAtBothValues(t *testing.T) {
	request := picturePrompt(2, 8, 5).max(12).named("r")
	found := func(e *world, w *witness) Agreement {
		e.onTrial(500, 200, 1000)
		e.submit(request)
		e.finishAll()
		e.expectEmpty()
		if len(w.seen) != 1 || w.seen[0].Other == nil {
			t.Fatalf("%+v", w.seen)
		}
		return w.seen[0]
	}
	w := &witness{}
	host := found(newWorld(t, shadows(1000, w)), w)
	w = &witness{}
	e, _ := onDevice(t, shadows(1000, w))
	device := found(e, w)
	if *device.Other != *host.Other || device.Agreed != host.Agreed {
		t.Errorf("the device %+v %+v, the host %+v %+v", device, *device.Other, host, *host.Other)
	}
}
