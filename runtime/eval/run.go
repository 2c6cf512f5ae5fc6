package eval

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"aircache.dev/aircache/runtime/compress"
)

// Job is everything that Run needs.
type Job struct {
	Settings Settings
	Policies map[string]compress.Policy // by name, for all of Settings.Policies but the full cache
	Source   Source
	Reader   Reader
	Samples  int                     // of each task; a source may have fewer
	Workers  int                     // instances of the model
	Open     func() (Subject, error) // called once a worker
	Progress func(done, total int)   // after each sample; nil: nobody looks
}

// Run finishes all samples that the journal lacks. Where it ends early, by an error or with ctx, what is finished is kept.
func Run(ctx context.Context, job Job, journal *Journal) error {
	if err := job.Settings.Check(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	open, total := job.open(journal)
	queue, results := make(chan sampleKey), make(chan result)
	go func() {
		defer close(queue)
		for _, key := range open {
			select {
			case queue <- key:
			case <-ctx.Done():
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range min(max(job.Workers, 1), len(open)) {
		workers.Go(func() { job.work(ctx, queue, results) })
	}
	go func() { workers.Wait(); close(results) }()
	return job.collect(ctx, stop, journal, results, total)
}

type result struct {
	record Record
	err    error
}

// open is the samples still to do: the first of every task, then the second, so that a run cut short is balanced.
func (job Job) open(journal *Journal) (open []sampleKey, total int) {
	for i := range job.Samples {
		for _, task := range job.Settings.Tasks {
			if n := job.Source.Len(task); n > 0 && i >= n {
				continue
			}
			total++
			if !journal.Has(task, i) {
				open = append(open, sampleKey{task, i})
			}
		}
	}
	return open, total
}

// work answers samples with one instance of the model, on one thread of the system.
func (job Job) work(ctx context.Context, queue <-chan sampleKey, results chan<- result) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	subject, err := job.Open()
	if err != nil {
		results <- result{err: fmt.Errorf("opening the model: %w", err)}
		return
	}
	s := &sampler{reader: job.Reader, source: job.Source, maxTokens: job.Settings.MaxTokens,
		grid: job.Settings.grid(job.Policies)}
	for _, name := range job.Settings.Policies {
		if name != FullName {
			s.policies = append(s.policies, job.Policies[name])
		}
	}
	for key := range queue {
		record, err := s.sample(ctx, subject, key.task, key.index)
		results <- result{record, err}
		if err != nil {
			break
		}
	}
	if err := subject.Close(); err != nil {
		results <- result{err: fmt.Errorf("closing the model: %w", err)}
	}
}

// collect writes what comes in; the first error stops the workers, and what they still finish is written too.
func (job Job) collect(ctx context.Context, stop func(), journal *Journal, results <-chan result, total int) error {
	var failed error
	done := len(journal.Records(job.Settings.Tasks, job.Samples))
	for r := range results {
		err := r.err
		if err == nil && r.record.Task != "" {
			err = journal.Add(r.record)
			done++
			if job.Progress != nil {
				job.Progress(done, total)
			}
		}
		if err != nil && !(ctx.Err() != nil && errors.Is(err, ctx.Err())) {
			failed = errors.Join(failed, err)
			stop()
		}
	}
	if failed == nil {
		return ctx.Err()
	}
	return failed
}
