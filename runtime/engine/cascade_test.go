package engine_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/model"
)

// policies are all that evict, and AirCache with each KV head for itself.
func policies(t *testing.T) (all []compress.Policy) {
	t.Helper()
	options := compress.Defaults()
	for _, name := range compress.Names() {
		p, err := compress.ByName(name, options)
		if err != nil {
			t.Fatal(err)
		}
		if name != "Full" {
			all = append(all, p)
		}
	}
	options.Granularity = compress.ByKVHead
	return append(all, compress.AirCache{Options: options})
}

// With the real model's scores, what is decided layer by layer is what would be decided at the end.
func TestCascadeEqualsOneShot(t *testing.T) {
	s, p, all := study(t, 16<<20), processor(t), policies(t)
	for n, q := range someQuestions(t) {
		request := q.request(t, p)
		request.MaxTokens = 1
		c := open(t, s, request, all...)
		for _, policy := range all {
			for _, permille := range []int{900, 500, 350, 200, 100, 50, 20, 10, 1} {
				got, _, err := c.Decide(policy, permille)
				if err != nil {
					t.Fatal(err)
				}
				want := c.OneShot(policy, permille)
				if !slices.Equal(got.Budgets, want.Budgets) {
					t.Errorf("question %d, %s at %d permille: the cascade keeps %v, one shot %v", n, policy.Name(), permille, got.Budgets, want.Budgets)
				}
				for l := range want.Kept {
					if !slices.EqualFunc(got.Kept[l], want.Kept[l], slices.Equal[[]int32]) {
						t.Errorf("question %d, %s at %d permille: layer %d keeps other rows", n, policy.Name(), permille, l)
					}
				}
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// gauge remembers the most bytes that the pool held and promised.
type gauge struct {
	engine.Discard
	mu             sync.Mutex
	used, promised int64
	last           engine.Prefill
}

func (g *gauge) Load(l engine.Load) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used, g.promised = max(g.used, l.BytesUsed), max(g.promised, l.BytesReserved)
}

func (g *gauge) Prefilled(p engine.Prefill) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = p
}

func (g *gauge) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used, g.promised = 0, 0
}

func (g *gauge) most() (used, promised int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.used, g.promised
}

func (g *gauge) prefill() engine.Prefill {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}

// The most bytes of the pool that a request holds are those it keeps and one whole layer's. A page a layer may be added: while
// the prompt passes, shares are rounded up.
func TestThePeakIsWhatIsKeptAndOneLayer(t *testing.T) {
	p, studied, g := processor(t), study(t, 16<<20), &gauge{}
	e := startWith(t, airCache, 1000, 64<<20, g)
	for n, q := range someQuestions(t)[5:] { // one picture, two pictures
		request := q.request(t, p)
		request.MaxTokens = 1 // the answer adds no row
		c := open(t, studied, request, airCache)
		for i, permille := range []int32{1000, 500, 100, 10} {
			if _, err := e.SetTuning(control.Tuning{Revision: int64(10*n + i + 1), TargetPermille: permille}); err != nil {
				t.Fatal(err)
			}
			g.reset()
			listen(t, ask(t, e, request))
			used, promised := g.most()
			_, pages, err := c.Decide(airCache, int(permille))
			if err != nil || int64(pages)*e.Shape().PageBytes != used {
				t.Errorf("question %d at %d permille: a study says %d pages at most, the engine held %d bytes (%v)", n, permille, pages, used, err)
			}
			u := g.prefill().Usage
			layer := u.KVBytesFull / 8
			most := min(u.KVBytesFull, u.KVBytesKept+layer+8*e.Shape().PageBytes)
			if used > most || used > promised || used < u.KVBytesKept {
				t.Errorf("question %d at %d permille: peak %d bytes, promised %d, want %d at most (%d kept, a layer has %d)", n, permille, used, promised, most, u.KVBytesKept, layer)
			}
			t.Logf("question %d at %d permille: %d bytes whole, %d kept, peak %d, promised %d", n, permille, u.KVBytesFull, u.KVBytesKept, used, promised)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// startWith runs an engine over the real model until the test ends.
func startWith(t testing.TB, policy compress.Policy, permille int32, kvBytes int64, r engine.Recorder, edits ...func(*engine.Options)) *engine.Engine {
	t.Helper()
	device, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	llava, err := model.Load(tinyModel, device)
	if err != nil {
		t.Fatal(err)
	}
	opts := engine.Options{Policy: policy, RetentionPermille: permille,
		Bounds: control.Bounds{FloorPermille: 1, CeilingPermille: 1000}, KVBytes: kvBytes, MaxQueue: 64, MaxRunning: 16,
		Clock: time.Now, Seed: func() uint64 { return 1 }, Recorder: r}
	for _, edit := range edits {
		edit(&opts)
	}
	e, err := engine.New(llava, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { e.Run(ctx); close(done) }()
	t.Cleanup(func() {
		stop()
		<-done
		if l := e.Snapshot().Load; l.PagesUsed != 0 || l.PagesReserved != 0 {
			t.Errorf("pages are left: %+v", l)
		}
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}
