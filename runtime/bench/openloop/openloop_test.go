package openloop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// steps is a clock that goes on by a tenth of a second with each look.
func steps() func() time.Time {
	now := time.Unix(0, 0)
	return func() time.Time {
		now = now.Add(100 * time.Millisecond)
		return now
	}
}

func text(s string) string { return `data: {"choices":[{"delta":{"content":"` + s + `"}}]}` + "\n\n" }

const usage = `data: {"choices":[],"usage":{"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":7}}}` + "\n\n"

func TestAStreamIsTimedByItsPieces(t *testing.T) {
	target := &Target{Now: steps()}
	var a Answer
	stream := `data: {"choices":[{"delta":{"role":"assistant","content":""}}]}` + "\n\n: a comment\n\n" + text("It") + text(" is") + text(" 7") +
		`data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n" + usage + "data: [DONE]\n\n"
	if err := target.follow(strings.NewReader(stream), time.Unix(0, 0), &a); err != nil {
		t.Fatal(err)
	}
	// The clock is looked at once an event: the role at 0.1 s, the texts at 0.2, 0.3 and 0.4.
	if !near(a.FirstToken, .2) || len(a.Gaps) != 2 || !near(a.Gaps[0], .1) || !near(a.End, .4) {
		t.Errorf("got %+v", a)
	}
	if a.Tokens != 4 || a.Cached != 7 || a.Finish != "stop" {
		t.Errorf("got %+v", a)
	}
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

func TestAServerThatTellsNoUsageIsCountedByPieces(t *testing.T) {
	var a Answer
	if err := (&Target{Now: steps()}).follow(strings.NewReader(text("a")+text("b")+"data: [DONE]\n"), time.Unix(0, 0), &a); err != nil || a.Tokens != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestStreamsThatBreakAreFailures(t *testing.T) {
	for name, c := range map[string]struct{ stream, says string }{
		"cut off":         {text("a"), "without [DONE]"},
		"empty":           {"", "without [DONE]"},
		"an error inside": {text("a") + `data: {"error":{"message":"the device is gone"}}` + "\n\n", "the device is gone"},
		"not JSON":        {"data: {\n\n", "reading an event"},
		"an endless line": {"data: " + strings.Repeat("x", 2*longestLine), "reading the stream"},
	} {
		t.Run(name, func(t *testing.T) {
			var a Answer
			if err := (&Target{Now: steps()}).follow(strings.NewReader(c.stream), time.Unix(0, 0), &a); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func FuzzStream(f *testing.F) {
	f.Add(text("a") + usage + "data: [DONE]\n")
	f.Add(`data: {"choices":[{"delta":null}]}` + "\n" + `data: {"usage":{}}`)
	f.Fuzz(func(t *testing.T, stream string) {
		var a Answer
		err := (&Target{Now: steps()}).follow(strings.NewReader(stream), time.Unix(0, 0), &a)
		if err == nil && !strings.Contains(stream, "[DONE]") || a.End < a.FirstToken || len(a.Gaps) > 0 && a.FirstToken == 0 {
			t.Errorf("%q: %+v, %v", stream, a, err)
		}
	})
}

func TestArrivalsArePoisson(t *testing.T) {
	at := Arrivals(1, 10_000, 50)
	if !slices.IsSorted(at) || !slices.Equal(at, Arrivals(1, 10_000, 50)) || slices.Equal(at[:9], Arrivals(2, 9, 50)) {
		t.Error("arrivals are not in order, or not the seed's own")
	}
	mean, square := 0.0, 0.0
	for i := range at[1:] {
		gap := (at[i+1] - at[i]).Seconds()
		mean, square = mean+gap/9999, square+gap*gap/9999
	}
	// Exponential gaps: mean 20 ms, and the deviation equals the mean.
	if deviation := math.Sqrt(square - mean*mean); math.Abs(mean-.02) > .001 || math.Abs(deviation/mean-1) > .05 {
		t.Errorf("mean gap %v s, deviation %v", mean, deviation)
	}
}

func TestGoodputCountsAnswersThatMetEveryObjective(t *testing.T) {
	o := Objectives{FirstToken: 1, Between: .1, EndToEnd: 5}
	good := Answer{FirstToken: .5, Gaps: []float64{.05, .05}, End: 2, Tokens: 3}
	late, slow, long := good, good, good
	late.FirstToken, slow.Gaps, long.End = 1.5, []float64{.05, .4}, 6
	s := Summarize(2, []Answer{good, late, slow, long, {Err: errors.New("status 503: full")}}, o, 10*time.Second)
	if !near(s.Goodput, .2) || !near(s.GoodRate, .1) || s.Failed != 1 || s.Errors["status 503: full"] != 1 || !near(s.TokenRate, 1.2) || !near(s.RequestRate, .4) {
		t.Errorf("got %+v", s)
	}
	if !near(s.FirstToken.P50, .5) || !near(s.FirstToken.Max, 1.5) || s.Between.Count != 8 || !near(s.PerToken.P50, .75) {
		t.Errorf("got %+v", s)
	}
	if s := Summarize(2, nil, o, 0); s.Goodput != 0 || s.FirstToken != (Percentiles{}) {
		t.Errorf("of nothing: %+v", s)
	}
}

func TestQuantilesLieBetweenValues(t *testing.T) {
	for q, want := range map[float64]float64{0: 1, .5: 2.5, 1: 4, .9: 3.7} {
		if got := Quantile([]float64{1, 2, 3, 4}, q); !near(got, want) {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

// server answers each request with two tokens, and counts.
func server(t *testing.T, answer http.HandlerFunc) *Target {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return &Target{URL: s.URL + "/", Key: "sk", Model: "m", HTTP: s.Client(), Now: time.Now}
}

func TestEveryRequestIsSentAndAnswered(t *testing.T) {
	target := server(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Model    string
			Stream   bool
			Messages []struct{ Content []struct{ Type, Text string } }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Model != "m" || !body.Stream || r.Header.Get("Authorization") != "Bearer sk" || len(body.Messages[0].Content) != 2 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, text("a")+text("b")+"data: [DONE]\n")
	})
	told := 0
	run := Run{Target: target, Questions: []Question{{Pictures: [][]byte{[]byte("\x89PNG\r\n\x1a\n")}, Text: "?"}}, Rate: 1e6, Requests: 50, MaxTokens: 8, MostOpen: 50, Timeout: time.Minute,
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, Done: func(n int) { told = n }}
	answers, err := run.Do(t.Context())
	if err != nil || len(answers) != 50 || told != 50 {
		t.Fatalf("%d answers, %d told, %v", len(answers), told, err)
	}
	for _, a := range answers {
		if a.Err != nil || a.Tokens != 2 {
			t.Fatalf("got %+v", a)
		}
	}
}

func TestWhatCannotBeSentCountsAsFailed(t *testing.T) {
	hold := make(chan struct{})
	target := server(t, func(w http.ResponseWriter, _ *http.Request) { <-hold; w.WriteHeader(http.StatusServiceUnavailable) })
	sent := 0
	run := Run{Target: target, Questions: []Question{{Text: "?"}}, Rate: 1e6, Requests: 5, MaxTokens: 8, MostOpen: 2, Timeout: time.Minute,
		Wait: func(ctx context.Context, _ time.Duration) error {
			if sent++; sent == 5 {
				defer close(hold)
			}
			return ctx.Err()
		}}
	answers, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, a := range answers {
		if errors.Is(a.Err, errTooManyOpen) {
			refused++
		} else if var503 := (*StatusError)(nil); !errors.As(a.Err, &var503) || var503.Status != 503 {
			t.Errorf("got %v", a.Err)
		}
	}
	if len(answers) != 5 || refused < 2 || refused > 3 { // the last is sent while the held ones are let go
		t.Errorf("%d answers, %d of them not sent", len(answers), refused)
	}
}

func TestAReportReadsAsATableAndDrawsCurves(t *testing.T) {
	r := &Report{URL: "http://x", Model: "m", Questions: "64 drawn questions", MaxTokens: 8, Objectives: Objectives{FirstToken: 1}}
	for rate := 1.0; rate < 4; rate++ {
		answers := []Answer{{FirstToken: rate / 10, Gaps: []float64{.01}, End: rate / 5, Tokens: 2}, {Err: fmt.Errorf("status 503: full")}}
		r.Rates = append(r.Rates, Summarize(rate, answers, r.Objectives, time.Second))
	}
	if table := Table(r); strings.Count(table, "\n") != 9 || !strings.Contains(table, "1 x status 503: full") || !strings.Contains(table, "50.0%") {
		t.Errorf("got\n%s", table)
	}
	plots, err := Plots(r)
	if err != nil || len(plots) != 4 {
		t.Fatalf("%d plots, %v", len(plots), err)
	}
	for _, p := range plots {
		var b bytes.Buffer
		if err := p.WriteTo(&b, "png"); err != nil || http.DetectContentType(b.Bytes()) != "image/png" {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	r.Rates = r.Rates[:1]
	if _, err := Plots(r); err == nil {
		t.Error("a single rate was drawn as a curve")
	}
}
