package cuda_test

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/model"
)

// pictureToken is the tiny model's.
const pictureToken = 1023

// said is an answer with all its bits.
type said struct {
	tokens   []int32
	logProbs []float32
	usage    engine.Usage
	first    time.Duration // until the first token
}

// told counts preemptions.
type told struct {
	engine.Discard
	preempted atomic.Int64
}

func (p *told) Preempted(int64) { p.preempted.Add(1) }
func (p *told) Resumed(int64)   {}

// serve lets work use the tiny model's engine on a device. There is one at a time, for the pages are the device's.
func serve(t *testing.T, device backend.Backend, permille int32, edit func(*engine.Options), work func(*engine.Engine)) {
	t.Helper()
	llava, err := model.Load(filepath.Join(cuda.Root(), tinyModel), device)
	if err != nil {
		t.Fatal(err)
	}
	o := engine.Options{Policy: compress.AirCache{Options: compress.Defaults()}, RetentionPermille: permille,
		Bounds: control.Bounds{FloorPermille: 1, CeilingPermille: 1000}, KVBytes: 64 << 20, MaxQueue: 64, MaxRunning: 16,
		Clock: time.Now, Seed: func() uint64 { return 1 }, Recorder: engine.Discard{}}
	edit(&o)
	e, err := engine.New(llava, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = e.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	work(e)
}

func submit(t *testing.T, e *engine.Engine, r engine.Request) *engine.Handle {
	t.Helper()
	h, err := e.Submit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hear(t *testing.T, h *engine.Handle) (s said) {
	t.Helper()
	start := time.Now()
	for event := range h.Events() {
		switch event.Finish {
		case "":
			if len(s.tokens) == 0 {
				s.first = time.Since(start)
			}
			s.tokens, s.logProbs = append(s.tokens, event.Token), append(s.logProbs, event.LogProb)
		case engine.FinishStop, engine.FinishLength:
			s.usage = *event.Usage
		default:
			t.Fatalf("an answer ended with %s: %v", event.Finish, event.Err)
		}
	}
	return s
}

// gpus are the devices without the simulated one, which takes 10 s a prompt.
func gpus(t *testing.T) map[string]string {
	devices := cuda.Devices(t)
	if _, there := devices["simulated"]; there {
		t.Log("NOTE: the simulated GPU is left out: a prompt takes it 10 s; cuda/device.sh runs this on a GPU")
		delete(devices, "simulated")
	}
	return devices
}

// On a GPU too a prompt that is found answers as one that is not, to the bit: from pages, from the vision tower's rows, and from blocks that
// were in host memory.
func TestCachedPromptsAnswerToTheBit(t *testing.T) {
	for name, path := range gpus(t) {
		for _, permille := range []int32{1000, 100} {
			t.Run(name+" at "+strconv.Itoa(int(permille)), func(t *testing.T) {
				device, err := cuda.Open(cuda.Options{Library: path})
				if err != nil {
					t.Fatal(err)
				}
				asked := requests(t, total)
				again := asked[0]
				again.Tokens = asked[1].Tokens // another question about the same picture
				on := func(o *engine.Options) { o.PrefixCache = engine.PrefixCache{On: true, VisionBytes: 64 << 20} }

				var want, got said
				serve(t, device, permille, on, func(e *engine.Engine) {
					hear(t, submit(t, e, asked[9])) // what a first prompt costs beside is no part of the comparison
					want = hear(t, submit(t, e, again))
				})
				serve(t, device, permille, on, func(e *engine.Engine) {
					hear(t, submit(t, e, asked[0]))
					got = hear(t, submit(t, e, again))
				})
				same(t, "from pages", got, want)
				if got.usage.CachedTokens < 576 || want.usage.CachedTokens != 0 {
					t.Errorf("%d tokens were cached, fresh %d", got.usage.CachedTokens, want.usage.CachedTokens)
				}
				t.Logf("first token of a prompt of %d tokens: %v, from the cache %v", want.usage.PromptTokens, want.first, got.first)

				for what, cache := range map[string]engine.PrefixCache{
					"from host memory": {On: true, OffloadBytes: 256 << 20}, "from the vision tower's rows": {On: true, VisionBytes: 64 << 20},
				} {
					serve(t, device, permille, func(o *engine.Options) { o.PrefixCache, o.KVBytes = cache, 8<<20 }, func(e *engine.Engine) {
						hear(t, submit(t, e, again))
						for _, other := range asked[2:6] {
							hear(t, submit(t, e, other))
						}
						offloaded := e.Snapshot().Load.BytesOffloaded
						got := hear(t, submit(t, e, again))
						same(t, what, got, want)
						if (got.usage.CachedTokens > 0) != (cache.OffloadBytes > 0) || (offloaded > 0) != (cache.OffloadBytes > 0) {
							t.Errorf("%s: %d tokens cached, %d bytes had been in host memory", what, got.usage.CachedTokens, offloaded)
						}
					})
				}
				if err := device.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func same(t *testing.T, what string, got, want said) {
	t.Helper()
	if !slices.Equal(got.tokens, want.tokens) || !slices.Equal(got.logProbs, want.logProbs) || got.usage.KVBytesKept != want.usage.KVBytesKept {
		t.Errorf("%s: %v %v, %v %v wanted", what, got.tokens, got.logProbs, want.tokens, want.logProbs)
	}
}

// Requests that are swapped out and come back go on where they were. Four questions without their pictures fill a
// small pool, so that answers of a few words push each other out.
func TestSwappedRequestsGoOnOnAGPU(t *testing.T) {
	for name, path := range gpus(t) {
		t.Run(name, func(t *testing.T) {
			device, err := cuda.Open(cuda.Options{Library: path})
			if err != nil {
				t.Fatal(err)
			}
			var asked []engine.Request
			for _, r := range requests(t, 48) {
				words := slices.DeleteFunc(slices.Clone(r.Tokens), func(id int32) bool { return id == pictureToken })
				for len(words)%backend.PageTokens != backend.PageTokens-1 { // the second word of an answer needs a page in each layer
					words = slices.Insert(words, 0, words[0])
				}
				asked = append(asked, engine.Request{Tokens: words, MaxTokens: longest})
			}
			p, swapped := &told{}, []said{}
			serve(t, device, 1000, func(o *engine.Options) {
				o.KVBytes, o.Recorder, o.Swap = 100*8192, p, engine.Swap{PromisedAnswer: 1, HostBytes: 1 << 30}
			}, func(e *engine.Engine) {
				var handles []*engine.Handle
				for _, r := range asked {
					handles = append(handles, submit(t, e, r))
				}
				for _, h := range handles {
					swapped = append(swapped, hear(t, h))
				}
			})
			differ := 0
			serve(t, device, 1000, func(*engine.Options) {}, func(e *engine.Engine) {
				for i, r := range asked {
					if !slices.Equal(hear(t, submit(t, e, r)).tokens, swapped[i].tokens) {
						differ++
					}
				}
			})
			t.Logf("%d preemptions, %d of %d answers differ", p.preempted.Load(), differ, len(asked))
			if p.preempted.Load() == 0 || differ > 0 {
				t.Errorf("%d preemptions, %d of %d answers differ", p.preempted.Load(), differ, len(asked))
			}
			if err := device.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
