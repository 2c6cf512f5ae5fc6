package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/e2e/harness"
	"aircache.dev/aircache/e2e/load"
)

// row is one line of the table: what the pods see of themselves, and what the users see of the pods.
type row struct {
	users     int
	kvUse     float64 // share of the KV cache in use, 0 to 1
	kvPeak    float64 // its highest of the last 15 s; 1 when a request waited for room
	retention int32   // permille, applied by the pods
	recall    float64 // mean of the requests since the last row; negative: none
	users95   load.Summary
}

const rowEvery = 2 * time.Second

// putLoad is the heart of the demo: load on, retention down; load off, retention up; no restart.
func (d *demo) putLoad(ctx context.Context) error {
	key := client.ObjectKeyFromObject(d.object)
	before, err := d.cluster.RuntimePods(ctx, key)
	if err != nil {
		return err
	}
	lists := ask.Only(d.questions, "list_row", "list_colour")
	generator := &load.Generator{Users: d.users, Now: time.Now, Ask: func(ctx context.Context, n int) (bool, error) {
		q := lists[n%len(lists)]
		answer, err := d.client().Ask(ctx, q, maxTokens)
		return err == nil && q.Right(answer.Text), err
	}}
	d.say("%d users ask for lists for %s, then stop", d.users, d.load)
	seen, err := d.watch(ctx, generator)
	if err != nil {
		return err
	}
	after, err := d.cluster.RuntimePods(ctx, key)
	if err != nil {
		return err
	}
	fmt.Printf("         retention %.1f %% at first, %.1f %% at the lowest, %.1f %% when the load ended, %.1f %% at last; %d answers, %d right, %d errors\n",
		percent(seen.first), percent(seen.lowest), percent(seen.loaded), percent(seen.last), seen.answers, seen.right, seen.errors)
	if err := d.refresh(ctx); err != nil {
		return err
	}
	d.printDecisions()
	return d.judge(seen, before, after)
}

// story is what the table adds up to.
type story struct {
	first, lowest, last    int32
	loaded                 int32 // when the load ended
	answers, right, errors int
	lastError              error
}

// watch prints a row every two seconds until the retention is back after the load, or the time for that is over.
func (d *demo) watch(ctx context.Context, generator *load.Generator) (story, error) {
	loadCtx, end := context.WithTimeout(ctx, d.load)
	defer end()
	done := make(chan struct{})
	go func() { generator.Run(loadCtx); close(done) }()
	defer func() { end(); <-done }()

	fmt.Printf("%9s %6s %7s %7s %10s %8s %9s %9s %7s\n", "time", "users", "KV use", "peak", "retention", "recall", "p95", "answers/s", "right")
	var s story
	var previous harness.Observed
	deadline := time.Now().Add(d.load + d.recovery)
	ticker := time.NewTicker(rowEvery)
	defer ticker.Stop()
	for {
		observed, err := d.cluster.Observe(ctx, client.ObjectKeyFromObject(d.object))
		if err != nil {
			return s, err
		}
		r := row{users: generator.InFlight(), kvUse: observed.KVUse, kvPeak: observed.KVPeak, retention: observed.RetentionPermille, recall: observed.RecallSince(previous), users95: generator.Take()}
		previous = observed
		s.add(r, loadCtx.Err() == nil)
		d.print(r)
		if r.users == 0 && s.last >= s.first {
			return s, nil
		}
		if time.Now().After(deadline) {
			return s, nil // judged by what was seen
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-ticker.C:
		}
	}
}

func (s *story) add(r row, loaded bool) {
	if s.first == 0 {
		s.first, s.lowest = r.retention, r.retention
	}
	if loaded {
		s.loaded = r.retention
	}
	s.lowest, s.last = min(s.lowest, r.retention), r.retention
	s.answers += r.users95.Answers
	s.right += r.users95.Right
	s.errors += r.users95.Errors
	if r.users95.LastError != nil {
		s.lastError = r.users95.LastError
	}
}

func (d *demo) print(r row) {
	recall, p95, right := "-", "-", "-"
	if r.recall >= 0 {
		recall = fmt.Sprintf("%.1f %%", 100*r.recall)
	}
	if r.users95.Answers > 0 {
		p95 = fmt.Sprintf("%.2f s", r.users95.P95.Seconds())
		right = fmt.Sprintf("%d/%d", r.users95.Right, r.users95.Answers)
	}
	fmt.Printf("%8.1fs %6d %5.0f %% %5.0f %% %8.1f %% %8s %9s %9.1f %7s\n", time.Since(d.start).Seconds(), r.users, 100*r.kvUse, 100*r.kvPeak,
		percent(r.retention), recall, p95, float64(r.users95.Answers)/rowEvery.Seconds(), right)
}

func (d *demo) printDecisions() {
	for _, pool := range d.object.Status.Pools {
		for _, decision := range pool.Decisions {
			fmt.Printf("         %s  pool %s: %s %s: %s\n", decision.Time.Format(time.TimeOnly), pool.Name, decision.Action, decision.Reason, decision.Message)
		}
	}
}

// judge is what makes the demo able to fail.
func (d *demo) judge(s story, before, after []corev1.Pod) error {
	switch {
	case s.errors > 0:
		return fmt.Errorf("%d questions failed under load, the last with: %w", s.errors, s.lastError)
	case s.answers == 0:
		return fmt.Errorf("no question was answered under load")
	case s.lowest >= s.first:
		return fmt.Errorf("the retention stayed at %.1f %% under load, expected it to fall", percent(s.first))
	case s.last <= s.loaded:
		return fmt.Errorf("the retention went from %.1f %% to %.1f %% after the load, expected it to rise within %s", percent(s.loaded), percent(s.last), d.recovery)
	case harness.Restarts(after) > 0:
		return fmt.Errorf("pods restarted %d times, expected 0", harness.Restarts(after))
	case !harness.SamePods(before, after):
		return fmt.Errorf("pods were replaced while the retention changed, expected the same pods")
	}
	d.say("restarts: 0, the same %d pods served from first to last", len(after))
	return nil
}

func percent(permille int32) float64 { return float64(permille) / 10 }
