package engine

import (
	"errors"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
)

func full(o *Options) { o.Policy = compress.Full{} }

// uniform budgets make pages easy to count.
func uniform(o *Options) {
	options := compress.Paper()
	options.LayerBudget = compress.Uniform
	o.Policy = compress.AirCache{Options: options}
}

// run answers one request in an engine of its own.
func run(t *testing.T, r Request, edits ...func(*Options)) answer {
	t.Helper()
	w := newWorld(t, edits...)
	h := w.submit(r)
	w.finishAll()
	w.expectEmpty()
	return w.read(h)
}

func TestAThousandPermilleAnswersLikeNoCompression(t *testing.T) {
	for pictures := range 3 {
		r := picturePrompt(pictures, 10, 5).max(40)
		with, without := run(t, r), run(t, r, full)
		if !slices.Equal(with.tokens, without.tokens) || len(with.tokens) != 40 {
			t.Errorf("%d pictures: %v differs from %v", pictures, with.tokens, without.tokens)
		}
		if with.usage.KVBytesKept != with.usage.KVBytesFull || with.usage.Recall != 1 {
			t.Errorf("%d pictures: %+v", pictures, with.usage)
		}
	}
}

// 90 rows = 6 pages a layer = 18; at 100 permille each of 3 layers keeps 8 of 80 visual rows: 18 rows = 2 pages.
func TestCompressionFreesPages(t *testing.T) {
	w := newWorld(t, retention(100), uniform)
	h := w.submit(picturePrompt(1, 8, 5).max(30))
	w.turn()
	l := w.Snapshot().Load
	if l.PagesUsed != 6 || l.PagesReserved != 9 || l.BytesUsed != 6*pageBytes {
		t.Errorf("after the prefill: %+v", l)
	}
	w.finishAll()
	u := w.read(h).usage
	if u.KVBytesFull != 18*pageBytes || u.KVBytesKept != 6*pageBytes || u.KVTokensSeen != 80 || u.KVTokensKept != 8 || u.RetentionPermille != 100 {
		t.Errorf("usage %+v", u)
	}
	if u.Recall <= .1 || u.Recall >= 1 || len(u.RecallCurve) != len(compress.CurvePercents) || u.RecallCurve[10] != u.Recall || u.Elite != 2 {
		t.Errorf("quality %+v", u)
	}
	w.expectEmpty()
}

func TestCompressionChangesWhatTheModelSees(t *testing.T) {
	r := picturePrompt(1, 10, 5).max(40)
	if whole, tenth := run(t, r), run(t, r, retention(100)); slices.Equal(whole.tokens, tenth.tokens) {
		t.Error("the fake model reads all rows: with a tenth of them its answer must differ")
	}
}

func TestALowerRetentionLetsMoreAnswersRunAtOnce(t *testing.T) {
	most := func(permille int32) int {
		w := newWorld(t, retention(permille), uniform, pages(120))
		for range 30 {
			w.submit(picturePrompt(1, 8, 5).max(30))
		}
		w.finishAll()
		w.expectEmpty()
		return slices.Max(w.model.batches)
	}
	// 120 pages. A prompt of 90 rows and 29 of answer take 8 a layer, 24 in all: 5 fit. At 500 permille 50 + 29 rows take 5 a
	// layer, 15 in all: 6 of them, and the 17 that the next one may pass through. At 100 permille 3 a layer, 9 in all: 12, and 11
	// for the next.
	for permille, want := range map[int32]int{1000: 5, 500: 7, 100: 13} {
		if got := most(permille); got != want {
			t.Errorf("at %d permille %d answers run at once, want %d", permille, got, want)
		}
	}
}

func TestPromptsThatAreNeverCompressed(t *testing.T) {
	for _, c := range []struct {
		name    string
		request Request
		why     string
	}{
		{"text alone", textPrompt(200, 1), "the prompt has no picture"},
		{"a picture with no text around it", Request{Tokens: picturePrompt(1, 1, 1).Tokens[2:82], Images: picturePrompt(1, 1, 1).Images}, "the prompt has no text that can observe the picture"},
	} {
		a := run(t, c.request.max(20), retention(50))
		if b := run(t, c.request.max(20), full); !slices.Equal(a.tokens, b.tokens) || len(a.tokens) != 20 {
			t.Errorf("%s: the answer changed", c.name)
		}
		if a.usage.KeptWhole != c.why || a.usage.KVBytesKept != a.usage.KVBytesFull {
			t.Errorf("%s: %+v", c.name, a.usage)
		}
	}
}

// A wrong eviction cannot be undone: where one was asked for and the scores are no numbers, the request fails.
func TestScoresThatAreNoNumbers(t *testing.T) {
	request := picturePrompt(1, 8, 5).max(5)
	for permille, want := range map[int32]FinishReason{1000: FinishLength, 100: FinishError} {
		w := newWorld(t, retention(permille))
		w.model.badScores = true
		h := w.submit(request)
		w.finishAll()
		a := w.read(h)
		if a.finish != want || (want == FinishError) != errors.Is(a.err, compress.ErrScores) {
			t.Errorf("at %d permille: %s, %v", permille, a.finish, a.err)
		}
		if want == FinishLength && !slices.Equal(a.tokens, run(t, request, full).tokens) {
			t.Errorf("at %d permille the answer changed", permille)
		}
		w.expectEmpty()
	}
}

func TestEveryPolicyServes(t *testing.T) {
	request := picturePrompt(1, 8, 5).max(10)
	for _, name := range compress.Names() {
		policy, err := compress.ByName(name, compress.Defaults())
		if err != nil {
			t.Fatal(err)
		}
		a := run(t, request, retention(100), func(o *Options) { o.Policy = policy })
		if name == "Full" {
			if a.usage.KVTokensKept != 80 || a.usage.KeptWhole != "the policy keeps everything" {
				t.Errorf("Full: %+v", a.usage)
			}
		} else if a.usage.KVTokensKept != 8 || a.usage.KVBytesKept >= a.usage.KVBytesFull/2 {
			t.Errorf("%s keeps %v of 80 tokens, %d of %d bytes (%s)", name, a.usage.KVTokensKept, a.usage.KVBytesKept, a.usage.KVBytesFull, a.usage.KeptWhole)
		}
	}
}

func TestSeveralPicturesAreCompressedTogether(t *testing.T) {
	a := run(t, picturePrompt(3, 8, 5).max(10), retention(200))
	if a.usage.ImageTokens != 240 || a.usage.KVTokensKept != 48 {
		t.Errorf("%+v", a.usage)
	}
}

func TestTheFirstEventTellsWhatCompressionDid(t *testing.T) {
	a := run(t, picturePrompt(1, 8, 5).max(10), retention(200))
	if a.first.KVTokensKept != 16 || a.first.RetentionPermille != 200 || a.first.CompletionTokens != 1 || a.usage.CompletionTokens != 10 {
		t.Errorf("first %+v, last %+v", a.first, a.usage)
	}
}

func TestARetentionAppliesFromTheNextAdmissionOn(t *testing.T) {
	w := newWorld(t)
	r := picturePrompt(1, 8, 5).max(20)
	before := w.submit(r)
	w.turn()
	after := w.submit(r)
	ack, err := w.SetTuning(control.Tuning{UID: "u", Pool: "p", Revision: 3, TargetPermille: 300})
	if err != nil || ack.TargetPermille != 300 || ack.Revision != 3 || w.Applied() != ack {
		t.Fatalf("%+v, %v", ack, err)
	}
	w.finishAll()
	first, second := w.read(before), w.read(after)
	if first.usage.RetentionPermille != 1000 || second.usage.RetentionPermille != 300 || second.usage.KVTokensKept != 24 {
		t.Errorf("applied %d, then %d with %v tokens", first.usage.RetentionPermille, second.usage.RetentionPermille, second.usage.KVTokensKept)
	}
	if !slices.Equal(first.tokens, run(t, r).tokens) || !slices.Equal(second.tokens, run(t, r, retention(300)).tokens) {
		t.Error("an answer differs from that of an engine with its retention")
	}
}

func TestTuningsOutOfBoundsChangeNothing(t *testing.T) {
	w := newWorld(t)
	good := control.Tuning{UID: "u", Pool: "p", Revision: 5, Epoch: 1, TargetPermille: 400}
	if _, err := w.SetTuning(good); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(1000)
	again, err := w.SetTuning(good)
	if err != nil || again != w.Applied() || !again.AppliedAt.Equal(w.clock.now().Add(-1000)) {
		t.Errorf("the same tuning again: %+v, %v", again, err)
	}
	for name, bad := range map[string]control.Tuning{
		"under the floor":   {Revision: 6, Epoch: 1, TargetPermille: 49},
		"over everything":   {Revision: 6, Epoch: 1, TargetPermille: 1001},
		"an older revision": {Revision: 4, Epoch: 1, TargetPermille: 300},
		"an older epoch":    {Revision: 9, Epoch: 0, TargetPermille: 300},
		"another object":    {UID: "x", Revision: 6, Epoch: 1, TargetPermille: 300},
		"another pool":      {Pool: "x", Revision: 6, Epoch: 1, TargetPermille: 300},
	} {
		if ack, err := w.SetTuning(bad); err == nil || w.Applied().TargetPermille != 400 {
			t.Errorf("%s was accepted: %+v", name, ack)
		}
	}
}
