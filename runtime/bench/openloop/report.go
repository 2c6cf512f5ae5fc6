package openloop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Objectives of an answer, in seconds; 0 asks for nothing.
type Objectives struct {
	FirstToken float64 `json:"first_token_seconds,omitempty"`
	Between    float64 `json:"between_tokens_seconds,omitempty"` // 95th percentile within the answer
	EndToEnd   float64 `json:"end_to_end_seconds,omitempty"`
}

// Met tells whether an answer met all of them.
func (o Objectives) Met(a Answer) bool {
	switch {
	case a.Err != nil:
		return false
	case o.FirstToken > 0 && a.FirstToken > o.FirstToken, o.EndToEnd > 0 && a.End > o.EndToEnd:
		return false
	case o.Between > 0 && len(a.Gaps) > 0:
		return Quantile(slices.Sorted(slices.Values(a.Gaps)), 0.95) <= o.Between
	}
	return true
}

// Report is what `aircache bench serve` measured.
type Report struct {
	URL        string     `json:"url"`
	Model      string     `json:"model"`
	Questions  string     `json:"questions"` // what was asked
	MaxTokens  int        `json:"max_tokens"`
	Seed       uint64     `json:"seed"`
	Objectives Objectives `json:"objectives"`
	Client     string     `json:"client"` // program, cores and system of the measuring side
	Rates      []Rate     `json:"rates"`
}

// Rate is one rate of arrivals. Rates are a second; Seconds is from the first arrival to the last answer's end.
type Rate struct {
	Rate     float64        `json:"rate"`
	Requests int            `json:"requests"`
	Failed   int            `json:"failed"`
	Errors   map[string]int `json:"errors,omitempty"`
	Seconds  float64        `json:"seconds"`

	RequestRate float64 `json:"request_rate"`
	TokenRate   float64 `json:"token_rate"`
	Goodput     float64 `json:"goodput"` // share of the requests, 0 to 1
	GoodRate    float64 `json:"good_rate"`
	Cached      int     `json:"cached_tokens"`

	FirstToken Percentiles `json:"first_token_seconds"`
	Between    Percentiles `json:"between_tokens_seconds"`
	PerToken   Percentiles `json:"per_token_seconds"`
	EndToEnd   Percentiles `json:"end_to_end_seconds"`
}

// Percentiles of a figure; all 0 where nothing was measured.
type Percentiles struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Summarize makes a rate's figures of its answers.
func Summarize(rate float64, answers []Answer, o Objectives, took time.Duration) Rate {
	s := Rate{Rate: rate, Requests: len(answers), Seconds: took.Seconds()}
	var first, between, each, whole []float64
	good, tokens := 0, 0
	for _, a := range answers {
		if o.Met(a) {
			good++
		}
		if a.Err != nil {
			s.Failed++
			s.noteError(a.Err)
			continue
		}
		tokens += a.Tokens
		s.Cached += a.Cached
		whole = append(whole, a.End)
		between = append(between, a.Gaps...)
		if a.Tokens > 0 {
			first = append(first, a.FirstToken)
		}
		if a.Tokens > 1 {
			each = append(each, (a.End-a.FirstToken)/float64(a.Tokens-1))
		}
	}
	s.FirstToken, s.Between, s.PerToken, s.EndToEnd = percentiles(first), percentiles(between), percentiles(each), percentiles(whole)
	if seconds := took.Seconds(); seconds > 0 {
		s.RequestRate, s.TokenRate, s.GoodRate = float64(len(answers)-s.Failed)/seconds, float64(tokens)/seconds, float64(good)/seconds
	}
	if len(answers) > 0 {
		s.Goodput = float64(good) / float64(len(answers))
	}
	return s
}

// mostErrors keeps a report readable where each error has its own text.
const mostErrors = 8

func (s *Rate) noteError(err error) {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if s.Errors == nil {
		s.Errors = map[string]int{}
	}
	if _, known := s.Errors[text]; !known && len(s.Errors) >= mostErrors {
		text = "other errors"
	}
	s.Errors[text]++
}

func percentiles(values []float64) Percentiles {
	if len(values) == 0 {
		return Percentiles{}
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return Percentiles{len(values), sum / float64(len(values)), Quantile(values, .5), Quantile(values, .9), Quantile(values, .95), Quantile(values, .99), values[len(values)-1]}
}

// Quantile of sorted values, between the two nearest ones; 0 of none.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Table shows a report in a terminal, a line a rate.
func Table(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, model %s; %s, at most %d tokens an answer\n", r.URL, r.Model, r.Questions, r.MaxTokens)
	fmt.Fprintf(&b, "%8s %8s %6s | %21s | %21s | %21s | %8s %8s %9s\n", "", "", "", "first token (ms)", "between tokens (ms)", "end to end (ms)", "", "", "")
	fmt.Fprintf(&b, "%8s %8s %6s | %6s %6s %7s | %6s %6s %7s | %6s %6s %7s | %8s %8s %9s\n", "rate/s", "requests", "failed",
		"p50", "p95", "p99", "p50", "p95", "p99", "p50", "p95", "p99", "answers/s", "tokens/s", "goodput")
	for _, s := range r.Rates {
		fmt.Fprintf(&b, "%8.3g %8d %6d | %s | %s | %s | %8.2f %8.1f %8.1f%%\n", s.Rate, s.Requests, s.Failed, s.FirstToken.columns(), s.Between.columns(), s.EndToEnd.columns(),
			s.RequestRate, s.TokenRate, 100*s.Goodput)
		for _, text := range slices.Sorted(maps.Keys(s.Errors)) {
			fmt.Fprintf(&b, "%8s %d x %s\n", "", s.Errors[text], text)
		}
	}
	return b.String()
}

func (p Percentiles) columns() string {
	const ms = 1000
	return fmt.Sprintf("%6.1f %6.1f %7.1f", ms*p.P50, ms*p.P95, ms*p.P99)
}
