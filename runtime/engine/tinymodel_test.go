package engine_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/image"
)

// The model is part of the repository: where it is missing, these tests fail.
const (
	tinyModel = "../../models/aircache-tiny"
	goldens   = "../../models/aircache-tiny-goldens"
)

// question is a golden prompt: what transformers answers greedily, with the full cache.
type question struct {
	Pictures []string `json:"pictures"`
	Tokens   []int32  `json:"input_ids"`
	Greedy   []int32  `json:"greedy_ids"`
}

// someQuestions has every kind of task, and a prompt with two pictures.
func someQuestions(t testing.TB) []question {
	t.Helper()
	var file struct {
		Cases []question `json:"cases"`
	}
	content, err := os.ReadFile(filepath.Join(goldens, "cases.json"))
	if err == nil {
		err = json.Unmarshal(content, &file)
	}
	if err != nil || len(file.Cases) < 68 {
		t.Fatalf("reading %d golden prompts: %v", len(file.Cases), err)
	}
	return append(slices.Clone(file.Cases[:6]), file.Cases[66])
}

func (q question) request(t testing.TB, p image.Processor) engine.Request {
	t.Helper()
	r := engine.Request{Tokens: q.Tokens, MaxTokens: 24}
	for _, name := range q.Pictures {
		encoded, err := os.ReadFile(filepath.Join(goldens, name))
		if err != nil {
			t.Fatal(err)
		}
		rgb, err := image.Decode(encoded, image.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		pixels, err := p.Process(rgb, len(q.Pictures))
		if err != nil {
			t.Fatal(err)
		}
		r.Images = append(r.Images, pixels)
	}
	return r
}

func start(t *testing.T, policy compress.Policy, permille int32, kvBytes int64) *engine.Engine {
	t.Helper()
	return startWith(t, policy, permille, kvBytes, engine.Discard{})
}

type reply struct {
	tokens   []int32
	logProbs []float32
	usage    engine.Usage
}

func ask(t testing.TB, e *engine.Engine, r engine.Request) *engine.Handle {
	t.Helper()
	h, err := e.Submit(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func listen(t testing.TB, h *engine.Handle) (r reply) {
	t.Helper()
	for event := range h.Events() {
		switch event.Finish {
		case "":
			r.tokens, r.logProbs = append(r.tokens, event.Token), append(r.logProbs, event.LogProb)
		case engine.FinishStop, engine.FinishLength:
			r.usage = *event.Usage
		default:
			t.Fatalf("the answer ended with %s: %v", event.Finish, event.Err)
		}
	}
	return r
}

func processor(t testing.TB) image.Processor {
	t.Helper()
	p, err := image.LoadProcessor(tinyModel, image.Tower{Side: 336, Rows: 576})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var airCache = compress.AirCache{Options: compress.Defaults()}

// At 1000 permille the answers, and every bit of their log-probabilities, are those of an engine without compression; and
// both answer as transformers does.
func TestRealModelAtAThousandPermilleIsBitExact(t *testing.T) {
	with, without := start(t, airCache, 1000, 64<<20), start(t, compress.Full{}, 1000, 64<<20)
	p := processor(t)
	for i, q := range someQuestions(t) {
		request := q.request(t, p)
		a, b := listen(t, ask(t, with, request)), listen(t, ask(t, without, request))
		if !slices.Equal(a.tokens, b.tokens) || !slices.Equal(a.logProbs, b.logProbs) {
			t.Errorf("question %d: %v %v, without compression %v %v", i, a.tokens, a.logProbs, b.tokens, b.logProbs)
		}
		if greedy := withoutEnd(q.Greedy, a.tokens); !slices.Equal(a.tokens, greedy) {
			t.Errorf("question %d: %v, transformers answers %v", i, a.tokens, greedy)
		}
		if a.usage.Recall != 1 || len(a.usage.RecallCurve) != len(compress.CurvePercents) || len(b.usage.RecallCurve) != 0 {
			t.Errorf("question %d: %+v", i, a.usage)
		}
	}
}

// withoutEnd takes the end token off a golden answer: the engine does not send it.
func withoutEnd(greedy, got []int32) []int32 {
	if len(greedy) == len(got)+1 {
		return greedy[:len(got)]
	}
	return greedy
}

// At 100 permille 58 of a picture's 576 rows stay on average. The bytes are those of whole pages that went back to the pool.
func TestRealModelAtAHundredPermilleFreesPages(t *testing.T) {
	e := start(t, airCache, 100, 64<<20)
	p := processor(t)
	pageBytes := e.Shape().PageBytes
	for i, q := range someQuestions(t) {
		u := listen(t, ask(t, e, q.request(t, p))).usage
		text := u.PromptTokens - u.ImageTokens
		full := int64(8*e.Shape().PagesFor(u.PromptTokens)) * pageBytes
		// Whole pages: each of 8 layers may waste most of one.
		rows := 8*text + int(u.KVTokensKept*8+.5)
		if most := int64(rows/16+8) * pageBytes; u.KVBytesFull != full || u.KVBytesKept > most || u.KVBytesKept < int64(rows/16)*pageBytes {
			t.Errorf("question %d: %d of %d bytes kept, want %d at most of %d", i, u.KVBytesKept, u.KVBytesFull, most, full)
		}
		if want := float64((100*u.ImageTokens*8 + 500) / 1000); u.KVTokensKept*8 != want || u.KeptWhole != "" {
			t.Errorf("question %d: %v visual tokens kept over all layers, want %v (%s)", i, u.KVTokensKept*8, want, u.KeptWhole)
		}
		if u.Recall <= 0.1 || u.Recall > 1 || u.Recall != u.RecallCurve[10] {
			t.Errorf("question %d: recall %v of curve %v", i, u.Recall, u.RecallCurve)
		}
	}
}

// Requests that run together answer as they do one after the other, whatever each keeps.
func TestRealModelAnswersTheSameInABatch(t *testing.T) {
	alone, together := start(t, airCache, 200, 64<<20), start(t, airCache, 200, 24<<20)
	p := processor(t)
	var requests []engine.Request
	for _, q := range someQuestions(t) {
		requests = append(requests, q.request(t, p))
	}
	var handles []*engine.Handle
	for _, r := range requests {
		handles = append(handles, ask(t, together, r))
	}
	for i, h := range handles {
		if got, want := listen(t, h).tokens, listen(t, ask(t, alone, requests[i])).tokens; !slices.Equal(got, want) {
			t.Errorf("question %d: %v in a batch, %v alone", i, got, want)
		}
	}
}
