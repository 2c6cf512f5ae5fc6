package engine

import (
	"context"
	"errors"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/model"
)

// deviceModel is the fake model on a device that compresses by itself.
type deviceModel struct {
	*fakeModel
	refuses bool
	broken  error // of the result
	spoil   func(*backend.Compressed)
	done    int
}

func (d *deviceModel) Compresses(compress.Options) bool { return !d.refuses }

func (d *deviceModel) Compress(c model.Compaction) (backend.Ticket, error) {
	d.done++
	policy, result := compress.AirCache{Options: c.Options}, backend.Compressed{}
	var rankings []compress.Ranking
	for layer, kv := range c.Sources {
		d.shown = kv
		r, err := compress.RankLayer(policy, c.Prompt, layer, scorer{d, d.Config(), &model.Observed{Layer: layer}, c.Prompt.Shown()})
		if err != nil {
			return nil, err
		}
		scores, err := d.Importance(nil, c.Prompt.Shown(), nil, nil, false)
		if err != nil {
			return nil, err
		}
		rankings = append(rankings, r)
		result.Elite, result.Scores = append(result.Elite, r.Elite), append(result.Scores, scores...)
	}
	if len(c.Pages) > 0 {
		result.Kept = compress.Budgets(policy, rankings, compress.Quota{Visual: len(c.Prompt.Visual), Layers: len(c.Sources), Permille: c.Permille})
		pages := c.Pages
		for layer, kv := range c.Sources {
			rows := c.Prompt.Kept(rankings[layer].Top(result.Kept[layer])[0])
			to := backend.LayerKV{Pages: pages, Len: len(rows)}
			for i, row := range rows {
				d.cells[at(to, i)] = d.cells[at(kv, int(row))]
			}
			pages = pages[backend.Pages(len(rows)):]
		}
	}
	if d.spoil != nil {
		d.spoil(&result)
	}
	return ticket{result, d.broken}, nil
}

type ticket struct {
	result backend.Compressed
	err    error
}

func (t ticket) Result() (backend.Compressed, error) { return t.result, t.err }

// prefills notes what prompts took.
type prefills struct {
	witness
	all []Prefill
}

func (p *prefills) Prefilled(x Prefill) { p.all = append(p.all, x) }

// onDevice is a world whose device compresses.
func onDevice(t *testing.T, edits ...func(*Options)) (*world, *deviceModel) {
	t.Helper()
	clock := &fakeTime{}
	opts := defaults(clock)
	for _, edit := range edits {
		edit(&opts)
	}
	d := &deviceModel{fakeModel: newFake(clock)}
	d.logits = endless
	e, err := New(d, opts)
	if err != nil {
		t.Fatal(err)
	}
	return &world{Engine: e, t: t, clock: clock, model: d.fakeModel}, d
}

func TestADeviceThatCompressesKeepsTheSameRows(t *testing.T) {
	requests := []Request{picturePrompt(1, 8, 5).max(30), textPrompt(40, 6).max(9), picturePrompt(3, 20, 7).max(20), picturePrompt(1, 4, 8).max(1)}
	for _, permille := range []int32{1000, 500, 100} {
		for _, edits := range [][]func(*Options){{}, {ahead}, {ahead, chunk(9)}} {
			here, there := &prefills{}, &prefills{}
			host := newWorld(t, append(slices.Clone(edits), retention(permille), pages(2000), func(o *Options) { o.Recorder = here })...)
			w, d := onDevice(t, append(slices.Clone(edits), retention(permille), pages(2000), func(o *Options) { o.Recorder = there })...)
			var wanted, handles []*Handle
			for _, r := range requests {
				wanted, handles = append(wanted, host.submit(r)), append(handles, w.submit(r))
			}
			host.finishAll()
			w.finishAll()
			for i := range requests {
				got, want := w.read(handles[i]), host.read(wanted[i])
				if !slices.Equal(got.tokens, want.tokens) || got.usage.KVBytesKept != want.usage.KVBytesKept || got.usage.Recall != want.usage.Recall ||
					got.usage.KVTokensKept != want.usage.KVTokensKept || got.first.KVTokensKept != want.first.KVTokensKept || len(got.usage.RecallCurve) != len(want.usage.RecallCurve) {
					t.Errorf("request %d at %d permille: %v %+v, the host's cascade %v %+v", i, permille, got.tokens, got.usage, want.tokens, want.usage)
				}
			}
			if d.done != 3 || len(there.all) != len(requests) {
				t.Errorf("the device compressed %d prompts, %d were told", d.done, len(there.all))
			}
			budgets := func(all []Prefill) (b [][]int) {
				for _, p := range all {
					b = append(b, p.LayerBudgets)
				}
				slices.SortFunc(b, slices.Compare)
				return b
			}
			if got, want := budgets(there.all), budgets(here.all); !slices.EqualFunc(got, want, slices.Equal[[]int]) {
				t.Errorf("at %d permille the layers keep %v, the host's %v", permille, got, want)
			}
			w.expectEmpty()
		}
	}
}

func TestAShadowKeepsWhatTheDeviceCopiedFrom(t *testing.T) {
	request := picturePrompt(1, 8, 5).max(9)
	want, got := &witness{}, &witness{}
	run(t, request, retention(100), shadows(1000, want))
	w, _ := onDevice(t, retention(100), shadows(1000, got), ahead)
	w.submit(request)
	w.finishAll()
	w.expectEmpty()
	if len(got.seen) != 1 || !slices.Equal(got.seen, want.seen) {
		t.Errorf("the shadow saw %+v, want %+v", got.seen, want.seen)
	}
}

// 30 pages hold a prompt of two pictures through the cascade only; a request that no device can compress takes it, too.
func TestThroughTheCascadeWhereTheDeviceCannot(t *testing.T) {
	request := picturePrompt(2, 1, 1).max(4)
	want := run(t, request, pages(30), uniform, retention(100)).tokens
	w, d := onDevice(t, pages(30), uniform, retention(100))
	h := w.submit(request)
	w.finishAll()
	if a := w.read(h); d.done != 0 || !slices.Equal(a.tokens, want) {
		t.Errorf("the device compressed %d prompts: %v, want %v", d.done, a.tokens, want)
	}
	if c, _ := deviceOf(&deviceModel{refuses: true}, defaults(&fakeTime{}).Policy); c != nil {
		t.Error("a device was taken that does not know the options")
	}
	if c, _ := deviceOf(d, compress.H2O{}); c != nil {
		t.Error("a device was taken for another policy")
	}
}

func TestACompressionThatFailsEndsItsRequest(t *testing.T) {
	for name, breaks := range map[string]func(*deviceModel){
		"its result":    func(d *deviceModel) { d.broken = errors.New("kernel failed") },
		"its sizes":     func(d *deviceModel) { d.spoil = func(r *backend.Compressed) { r.Elite = r.Elite[1:] } },
		"its budgets":   func(d *deviceModel) { d.spoil = func(r *backend.Compressed) { r.Kept[1] = 81 } },
		"its scores":    func(d *deviceModel) { d.badScores = true },
		"the device":    func(d *deviceModel) { d.broken = backend.ErrDeviceLost },
		"the first row": func(d *deviceModel) { d.beforeTake = func() error { return errors.New("kernel failed") } },
	} {
		for _, edits := range [][]func(*Options){{}, {ahead}} {
			w, d := onDevice(t, append(edits, retention(100), shadows(1000, &witness{}))...)
			breaks(d)
			bad := w.submit(picturePrompt(1, 8, 5).max(9))
			w.turns(9)
			if w.lost != nil {
				_ = w.Run(context.Background())
			}
			if a := w.read(bad); a.finish != FinishError {
				t.Errorf("%s: %+v", name, a)
			}
			w.expectEmpty()
		}
	}
}
