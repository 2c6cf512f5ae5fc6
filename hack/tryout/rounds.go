package main

import (
	"context"
	"fmt"
	"io"

	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/hack/serving"
)

const (
	maxTokens    = 64
	fullPermille = 1000
	lowPermille  = 100
)

// round is all questions at one retention.
type round struct {
	permille int32
	answers  []ask.Answer
}

// choose takes questions so that tasks differ before they repeat, each about another picture where there is one.
func choose(all []ask.Question, n int) []ask.Question {
	var chosen []ask.Question
	taken := make([]bool, len(all))
	tasks, pictures := map[string]bool{}, map[string]bool{}
	for _, fits := range []func(ask.Question) bool{
		func(q ask.Question) bool { return !tasks[q.Task] && !pictures[q.Picture] },
		func(q ask.Question) bool { return !tasks[q.Task] },
		func(ask.Question) bool { return true },
	} {
		for i, q := range all {
			if taken[i] || len(chosen) == n || !fits(q) {
				continue
			}
			taken[i], tasks[q.Task], pictures[q.Picture] = true, true, true
			chosen = append(chosen, q)
		}
	}
	return chosen
}

func askAll(ctx context.Context, c *serving.Process, asker ask.Client, questions []ask.Question) ([]round, error) {
	var rounds []round
	for i, permille := range []int32{fullPermille, lowPermille} {
		if err := c.Retune(ctx, int64(i+1), permille); err != nil {
			return nil, err
		}
		r := round{permille: permille}
		for _, q := range questions {
			answer, err := asker.Ask(ctx, q, maxTokens)
			if err != nil {
				return nil, err
			}
			if int32(answer.RetentionPermille) != permille {
				return nil, fmt.Errorf("the retention was set to %d permille, the answer ran with %d", permille, answer.RetentionPermille)
			}
			r.answers = append(r.answers, answer)
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// report prints every question with its truth and, below it, what each retention answered and kept.
func report(w io.Writer, questions []ask.Question, rounds []round) {
	for i, q := range questions {
		fmt.Fprintf(w, "\n%s: %s\n  %-7s %s\n", q.Picture, q.Text, "truth", q.Expected)
		for _, r := range rounds {
			a, mark := r.answers[i], "wrong"
			if q.Right(a.Text) {
				mark = "right"
			}
			fmt.Fprintf(w, "  %-7s %-24s %s; %d of %d visual tokens kept; KV %s kept, %s freed; recall %.2f\n",
				share(r.permille), a.Text, mark, a.VisualTokensKept, a.VisualTokens, size(a.KVBytesKept), size(a.KVBytesFull-a.KVBytesKept), a.Recall)
		}
	}
	fmt.Fprintln(w)
	for _, r := range rounds {
		full, kept := r.bytes()
		fmt.Fprintf(w, "%-7s %d of %d right; KV %s kept, %s freed (%.0f %%)\n", share(r.permille), r.right(questions), len(questions),
			size(kept), size(full-kept), 100*float64(full-kept)/float64(max(full, 1)))
	}
}

// judge fails a run that did not show what it is there to show: answers from the
// picture with the full cache, and memory really freed at a tenth of it.
func judge(questions []ask.Question, rounds []round) error {
	full, low := rounds[0], rounds[1]
	if right := full.right(questions); right < len(questions) {
		return fmt.Errorf("only %d of %d answers were right with the full cache, expected all", right, len(questions))
	}
	if total, kept := full.bytes(); kept != total {
		return fmt.Errorf("the full cache freed %s, expected nothing", size(total-kept))
	}
	if total, kept := low.bytes(); 2*kept >= total {
		return fmt.Errorf("at %s %s of %s were kept, expected less than half", share(low.permille), size(kept), size(total))
	}
	return nil
}

func (r round) right(questions []ask.Question) int {
	n := 0
	for i, q := range questions {
		if q.Right(r.answers[i].Text) {
			n++
		}
	}
	return n
}

func (r round) bytes() (full, kept int64) {
	for _, a := range r.answers {
		full += a.KVBytesFull
		kept += a.KVBytesKept
	}
	return full, kept
}

func share(permille int32) string { return fmt.Sprintf("%g %%", float64(permille)/10) }

func size(bytes int64) string { return fmt.Sprintf("%.2f MiB", float64(bytes)/(1<<20)) }
