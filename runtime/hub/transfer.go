package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"
)

// transfer fetches files of one listing into a partial folder.
type transfer struct {
	options         Options
	source          source
	listing         listing
	model, journals string // folders
	beside          int64  // bytes that will be written beside what is fetched
}

// fetch brings what is missing of the files, or says which one is the problem; what came remains, for the next try. A file that
// was begun by an earlier process and has the wrong content in the end is fetched once more from its beginning (again): its disk
// may have lost what the journal promised.
func (t *transfer) fetch(ctx context.Context, files []file, again bool) error {
	var targets []*target
	var segments []segment
	defer func() {
		for _, one := range targets {
			one.out.Close() // closed already where it is complete
		}
	}()
	var missing int64
	for _, f := range files {
		one, parts, err := begin(f, t.model, t.journals, t.options.Segment)
		if err != nil {
			return err
		}
		targets, segments = append(targets, one), append(segments, parts...)
		left := int64(0)
		for _, s := range parts {
			left += s.to - s.from
		}
		missing += left
		t.options.Progress.total.Add(f.size)
		t.options.Progress.done.Add(f.size - left)
	}
	if err := t.options.room(t.model, missing+t.beside); err != nil {
		return err
	}
	wrong, err := t.work(ctx, targets, segments)
	if err != nil || len(wrong) == 0 {
		return err
	}
	if !again {
		return wrong[0].error
	}
	var once []file
	for _, w := range wrong {
		if !w.resumed {
			return w.error
		}
		t.options.Log.Warn("fetching a file once more", "file", w.name, "reason", w.Error())
		t.options.Progress.total.Add(-w.size)
		t.options.Progress.done.Add(-w.size)
		once = append(once, w.file)
	}
	return t.fetch(ctx, once, false)
}

// mistaken is a file whose content is not what was announced.
type mistaken struct {
	*target
	error
}

// work lets the workers loose on the segments, and checks each file as soon as it is complete.
func (t *transfer) work(ctx context.Context, targets []*target, segments []segment) ([]mistaken, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(t.options.Workers)
	wrongs := make(chan mistaken, len(targets))
	finish := func(one *target) error {
		err := one.finish(ctx)
		var bad *errDigest
		if errors.As(err, &bad) {
			wrongs <- mistaken{one, err}
			return nil
		}
		return err
	}
	for _, one := range targets {
		if one.missing == 0 { // empty, or all there from an earlier process
			group.Go(func() error { return finish(one) })
		}
	}
	for _, s := range segments {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := t.segment(ctx, s); err != nil {
				return err
			}
			complete, err := s.of.fetched(s.number)
			if err != nil || !complete {
				return err
			}
			return finish(s.of)
		})
	}
	err := group.Wait()
	close(wrongs)
	var all []mistaken
	for w := range wrongs {
		all = append(all, w)
	}
	return all, err
}

// segment fetches one segment, from where the last try was cut.
func (t *transfer) segment(ctx context.Context, s segment) error {
	at := s.from
	return t.options.try(ctx, "fetching "+s.of.name, func() (moved bool, err error) {
		n, err := t.part(ctx, s, at)
		at += n
		return n > 0, err
	})
}

// part copies what one connection gives of a segment, from at on.
func (t *transfer) part(ctx context.Context, s segment, at int64) (int64, error) {
	body, err := t.source.open(ctx, t.listing, s.of.file, at, s.to)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	out := &placed{file: t.options.write(s.of.out), name: s.of.name, at: at, progress: t.options.Progress}
	n, err := io.CopyBuffer(out, io.LimitReader(body, s.to-at), make([]byte, 256<<10))
	if err == nil && n < s.to-at {
		err = fmt.Errorf("the connection ended after %d of %d bytes: %w", n, s.to-at, io.ErrUnexpectedEOF)
	}
	return n, err
}

// placed writes to a place in a file.
type placed struct {
	file     writerAt
	name     string
	at       int64
	progress *Progress
}

func (p *placed) Write(b []byte) (int, error) {
	n, err := p.file.WriteAt(b, p.at)
	p.at += int64(n)
	p.progress.done.Add(int64(n))
	if err != nil {
		return n, explainDisk(p.name, err)
	}
	return n, nil
}

// try repeats what may succeed later. A try that moved something starts the count anew: a line that breaks every gigabyte
// brings a model of a thousand of them in the end.
func (o Options) try(ctx context.Context, what string, once func() (moved bool, err error)) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = o.Pause, time.Minute
	for failed := 1; ; failed++ {
		moved, err := once()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if moved {
			failed = 1
			pauses.Reset()
		}
		asked, later := temporary(err)
		switch {
		case !later:
			return named(what, err)
		case asked > maxRetryAfter:
			return named(what, fmt.Errorf("%w; the server asks to come back in %v", err, asked))
		case failed >= o.Tries:
			return named(what, fmt.Errorf("%w (%d tries)", err, failed))
		}
		pause := max(pauses.NextBackOff(), asked)
		o.Log.Info("trying again", "what", what, "in", pause.String(), "reason", err.Error())
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-o.After(pause):
		}
	}
}

// answerTime is for an answer that is no file: one that stalls is asked for again.
const answerTime = 2 * time.Minute

// ask repeats a question that may be answered later.
func (o Options) ask(ctx context.Context, what string, question func(context.Context) error) error {
	return o.try(ctx, what, func() (bool, error) {
		ctx, end := context.WithTimeout(ctx, answerTime)
		defer end()
		return false, question(ctx)
	})
}

func named(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }
