package engine

import (
	"fmt"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/kv"
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
	if e.shadow != nil && e.shadow.sequence.Room(1) != nil {
		e.endShadow()
	}
	start := e.opts.Clock()
	logits, err := e.step(e.running, e.shadow)
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
	e.compareShadow(logits)
	row := 0
	e.endRunning(func(j *job) ending {
		row++
		return e.advance(j, logits[row-1], now)
	})
}

// decodeAlone repeats a failed step for each sequence by itself. Nothing of the failed step counts: rows that it wrote lie
// behind the sequences' ends and are written again.
func (e *Engine) decodeAlone() {
	if e.shadow != nil {
		e.endShadow()
	}
	e.endRunning(func(j *job) ending {
		logits, err := e.step([]*job{j}, nil)
		if err != nil {
			return failed(err)
		}
		return e.advance(j, logits[0], e.opts.Clock())
	})
}

// step runs the model over some jobs, and over a shadow behind them if there is one. The views are built in one reused array.
func (e *Engine) step(jobs []*job, s *shadow) (logits [][]float32, err error) {
	e.views, e.batch = e.views[:0], e.batch[:0]
	for _, j := range jobs {
		e.views = appendLayers(e.views, j.sequence)
	}
	if s != nil {
		e.views = appendLayers(e.views, s.sequence)
	}
	for _, j := range jobs {
		e.addRow(j.next, j.sequence)
	}
	if s != nil {
		e.addRow(s.job.next, s.sequence)
	}
	err = e.contain("decoding", func() (err error) {
		logits, err = e.model.Decode(e.batch)
		return err
	})
	if err == nil && len(logits) != len(e.batch) {
		err = fmt.Errorf("decoding %d sequences: the model returned %d rows of logits", len(e.batch), len(logits))
	}
	return logits, err
}

// addRow puts the next sequence of e.views into the batch.
func (e *Engine) addRow(token int32, s *kv.Sequence) {
	layers, i := e.config.Layers, len(e.batch)
	view := backend.KVView{Position: s.Position, Layers: e.views[i*layers : (i+1)*layers]}
	e.batch = append(e.batch, model.DecodeRow{Token: token, KV: view})
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
