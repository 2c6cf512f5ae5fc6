package engine

import (
	"fmt"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/sampling"
)

// decode advances every running sequence by one token.
func (e *Engine) decode() {
	e.endRunning(func(j *job) ending {
		if err := j.sequence.Room(1); err != nil { // promised at admission: only a bug comes here
			return failed(err)
		}
		return ending{}
	})
	if len(e.running) == 0 {
		return
	}
	start := e.opts.Clock()
	logits, err := e.step(e.running)
	now := e.opts.Clock()
	if err != nil {
		e.opts.Log.Error("a decode step failed; its sequences are decoded one by one", "sequences", len(e.running), "reason", err)
		e.decodeAlone()
		return
	}
	rows := 0
	for _, j := range e.running {
		rows += j.sequence.Rows()
	}
	e.opts.Recorder.Stepped(Step{Seconds: now.Sub(start).Seconds(), KVTokens: float64(rows) / float64(e.config.Layers), Batch: len(e.running)})
	row := 0
	e.endRunning(func(j *job) ending {
		row++
		return e.advance(j, logits[row-1], now)
	})
}

// decodeAlone repeats a failed step for each sequence by itself. Nothing of the failed step counts: rows that it wrote lie
// behind the sequences' ends and are written again.
func (e *Engine) decodeAlone() {
	e.endRunning(func(j *job) ending {
		logits, err := e.step([]*job{j})
		if err != nil {
			return failed(err)
		}
		return e.advance(j, logits[0], e.opts.Clock())
	})
}

// step runs the model over some jobs. The views are built in one reused array.
func (e *Engine) step(jobs []*job) (logits [][]float32, err error) {
	layers := e.config.Layers
	e.views, e.batch = e.views[:0], e.batch[:0]
	for _, j := range jobs {
		e.views = appendLayers(e.views, j.sequence)
	}
	for i, j := range jobs {
		view := backend.KVView{Position: j.sequence.Position, Layers: e.views[i*layers : (i+1)*layers]}
		e.batch = append(e.batch, model.DecodeRow{Token: j.next, KV: view})
	}
	err = e.contain("decoding", func() (err error) {
		logits, err = e.model.Decode(e.batch)
		return err
	})
	if err == nil && len(logits) != len(jobs) {
		err = fmt.Errorf("decoding %d sequences: the model returned %d rows of logits", len(jobs), len(logits))
	}
	return logits, err
}

// advance chooses a job's next token.
func (e *Engine) advance(j *job, logits []float32, now time.Time) ending {
	j.sequence.Wrote(1)
	choice, err := j.sampler.Next(logits)
	if err != nil {
		return failed(fmt.Errorf("choosing token %d: %w", j.usage.CompletionTokens+1, err))
	}
	return e.deliver(j, choice, now)
}

// deliver sends a token, unless it is one that ends the answer.
func (e *Engine) deliver(j *job, choice sampling.Choice, now time.Time) ending {
	j.next = choice.Token
	j.usage.CompletionTokens++
	if j.ends(choice.Token, e.config.EOS) {
		return ending{reason: FinishStop}
	}
	event := Event{Token: choice.Token, LogProb: choice.LogProb, Top: choice.Top}
	first := j.lastToken.IsZero()
	if first {
		j.lastToken, j.firstToken = j.submitted, now
		event.Usage = j.usageNow()
	}
	e.opts.Recorder.Token(first, now.Sub(j.lastToken).Seconds())
	j.lastToken = now
	j.handle.events <- event // has room for the whole answer
	if j.usage.CompletionTokens >= j.maxTokens {
		return ending{reason: FinishLength}
	}
	return ending{}
}
