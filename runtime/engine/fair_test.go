package engine

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// order is the tenants of the requests that a queue admits, each charged for its cost at once.
func order(q *queue, n int) string {
	var names []string
	for range n {
		j := q.turn()
		if j == nil {
			break
		}
		q.admit()
		j.unpaid = j.maxTokens
		j.pay()
		names = append(names, j.request.Tenant)
	}
	return strings.Join(names, "")
}

func wait(q *queue, tenant string, costs ...int) {
	for _, cost := range costs {
		q.add(&job{request: Request{Tenant: tenant}, maxTokens: cost}, 1000)
	}
}

func TestTheTenantWithTheFewestTokensIsNext(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(q *queue)
		want string
	}{
		{"one tenant", func(q *queue) { wait(q, "a", 9, 1, 5) }, "aaa"},
		{"equal requests take turns", func(q *queue) { wait(q, "a", 5, 5, 5); wait(q, "b", 5, 5, 5) }, "ababab"},
		{"one large is worth three small", func(q *queue) { wait(q, "a", 30, 30); wait(q, "b", 10, 10, 10, 10, 10) }, "abbbabb"},
		{"a flood does not delay a guest", func(q *queue) { wait(q, "a", slices.Repeat([]int{10}, 6)...); order(q, 3); wait(q, "b", 10) }, "baaa"},
		{"who pauses saves nothing up", func(q *queue) {
			wait(q, "a", 10)
			order(q, 1)
			wait(q, "b", slices.Repeat([]int{10}, 8)...)
			order(q, 5)
			wait(q, "a", 10, 10, 10, 10)
		}, "abababa"},
		{"three share", func(q *queue) { wait(q, "a", 4, 4); wait(q, "b", 4, 4); wait(q, "c", 4, 4) }, "abcabc"},
	} {
		q := &queue{}
		c.fill(q)
		if got := order(q, 100); got != c.want {
			t.Errorf("%s: admitted %s, want %s", c.name, got, c.want)
		}
		if q.size != 0 || len(q.backlog) != 0 {
			t.Errorf("%s: %d requests left in the queue", c.name, q.size)
		}
	}
}

// Tenants that always have requests waiting are served alike, whatever the requests' sizes and however many run at once: they differ
// by what is admitted at once and one request at most.
func TestBusyTenantsDifferByWhatRunsAtMost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for range 200 {
		q, tenants := &queue{}, 2+r.IntN(5)
		largest, width := 1+r.IntN(900), 1+r.IntN(8)
		served := make([]int, tenants)
		var running []*job
		for range 400 {
			for i := range tenants {
				name := string(rune('a' + i))
				for len(q.tenantOf(name).waiting) < 2 {
					wait(q, name, 1+r.IntN(largest))
				}
			}
			if len(running) < width {
				running = append(running, q.turn())
				q.admit()
			}
			for i := 0; i < len(running); i++ {
				j := running[i]
				j.unpaid = 1 + r.IntN(j.maxTokens)
				j.maxTokens -= j.unpaid
				served[j.request.Tenant[0]-'a'] += j.unpaid
				if j.pay(); j.maxTokens == 0 {
					running = slices.Delete(running, i, i+1)
					i--
				}
			}
			if spread := slices.Max(served) - slices.Min(served); spread > (width+1)*largest {
				t.Fatalf("%d tenants with requests of up to %d tokens, %d at once: served %v", tenants, largest, width, served)
			}
		}
	}
}

// A long prompt that waits for pages keeps its turn, though other tenants' short ones would fit.
func TestALongPromptIsNotOvertakenByOtherTenants(t *testing.T) {
	w := newWorld(t, pages(60))
	running := w.submit(textPrompt(40, 1).max(100).of("a"))
	w.turns(3)
	long := w.submit(textPrompt(300, 2).max(2).of("b"))
	w.turns(2)
	var short []*Handle
	for range 5 {
		short = append(short, w.submit(textPrompt(5, 3).max(2).of("c")))
	}
	for range 20 {
		w.turn()
	}
	if l := w.Snapshot().Load; l.Waiting != 6 || !l.BlockedOnMemory {
		t.Errorf("%+v: all should wait behind the long prompt", l)
	}
	w.finishAll()
	for _, h := range append(short, running, long) {
		if a := w.read(h); a.finish != FinishLength {
			t.Errorf("%+v", a)
		}
	}
	w.expectEmpty()
}

// A flood of one tenant fills the queue; another still gets in, at the cost of the flood's last request, which is told when to come back.
func TestAFullQueueTakesTheGuestOfAFlood(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxQueue, o.MaxRunning = 4, 1 })
	var flood []*Handle
	for range 4 {
		flood = append(flood, w.submit(textPrompt(5, 1).max(5).of("a")))
	}
	var full *QueueFullError
	if _, err := w.Submit(t.Context(), textPrompt(5, 1).max(5).of("a")); !errors.As(err, &full) || full.RetryAfter != time.Second {
		t.Fatalf("got %v", err)
	}
	guests := []*Handle{w.submit(textPrompt(5, 2).max(5).of("b")), w.submit(textPrompt(5, 2).max(5).of("b"))}
	if _, err := w.Submit(t.Context(), textPrompt(5, 2).max(5).of("b")); !errors.Is(err, ErrQueueFull) {
		t.Errorf("a third guest has as many waiting as the flood: %v", err)
	}
	w.turn()
	for _, h := range flood[2:] {
		if a := w.read(h); a.finish != FinishError || !errors.As(a.err, &full) || full.Waiting != 4 {
			t.Errorf("%+v", a)
		}
	}
	w.finishAll()
	for _, h := range append(flood[:2], guests...) {
		if a := w.read(h); a.finish != FinishLength {
			t.Errorf("%+v", a)
		}
	}
	w.expectEmpty()
}

// What a refused client is told is how long the queue takes to empty at the pace of late.
func TestRetryAfterFollowsThePaceOfTheQueue(t *testing.T) {
	p, now := &pace{}, time.Unix(0, 0)
	if p.wait(7) != time.Second {
		t.Errorf("of an unknown pace: %v", p.wait(7))
	}
	for i := range 40 {
		now = now.Add(3 * time.Second)
		p.left(now, 40-i)
	}
	if p.wait(5) != 15*time.Second || p.wait(0) != time.Second || p.wait(1000) != time.Minute {
		t.Errorf("5, 0 and 1000 waiting: %v, %v, %v", p.wait(5), p.wait(0), p.wait(1000))
	}
	p.left(now.Add(3*time.Second), 0) // the queue is empty
	p.left(now.Add(time.Hour), 2)
	if p.wait(5) != 15*time.Second {
		t.Errorf("an hour in which nobody came counts: %v", p.wait(5))
	}
}
