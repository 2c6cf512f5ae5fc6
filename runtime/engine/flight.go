package engine

import (
	"errors"
	"fmt"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/sampling"
)

// errNoChoice says that the model's logits are of no use: NaN, +Inf, or nothing but -Inf.
var errNoChoice = errors.New("no softmax can use the model's logits")

// flight is a launched step whose tokens the host has not read yet: a decode step, or the end of a prompt.
type flight struct {
	step   model.Step
	jobs   []*job         // one a row
	filled *filling       // of a prompt's end
	ticket backend.Ticket // of its compression
	shadow *shadow        // the rows behind the jobs'
	rows   int            // cached rows that the step reads
	start  time.Time
}

// newFlight reuses one that has landed, so that a steady step allocates nothing.
func (e *Engine) newFlight() *flight {
	if last := len(e.landed) - 1; last >= 0 {
		f := e.landed[last]
		e.landed = e.landed[:last]
		*f = flight{jobs: f.jobs[:0]}
		return f
	}
	return &flight{}
}

// landAll reads all steps in flight.
func (e *Engine) landAll() {
	for len(e.flights) > 0 {
		e.land()
	}
}

// land waits for the oldest step in flight and sends its tokens.
func (e *Engine) land() {
	f := e.takeFlight()
	defer func() { e.landed = append(e.landed, f) }()
	if f.filled != nil {
		e.landPrompt(f)
		return
	}
	choices, err := e.read(f)
	if err != nil {
		e.crash(f, err)
		return
	}
	now := e.opts.Clock()
	e.opts.Recorder.Stepped(Step{Seconds: now.Sub(latest(f.start, e.lastLanding)).Seconds(),
		KVTokens: float64(f.rows) / float64(e.config.Layers), Batch: len(f.jobs)})
	e.lastLanding = now
	e.moved.note(now)
	for i, j := range f.jobs {
		j.seat = i + 1
	}
	e.endRunning(func(j *job) ending {
		if j.seat == 0 {
			return ending{}
		}
		return e.deliver(j, choices[j.seat-1], now)
	})
	for _, j := range f.jobs {
		j.seat = 0
	}
}

func (e *Engine) takeFlight() *flight {
	f := e.flights[0]
	e.flights = append(e.flights[:0], e.flights[1:]...)
	return f
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// read waits for a step's choices, and looks at the logits where the host has to.
func (e *Engine) read(f *flight) (choices []sampling.Choice, err error) {
	err = e.contain("decoding", func() (err error) {
		if choices, err = e.model.Take(f.step); err != nil {
			return err
		}
		if len(choices) < len(f.jobs) {
			return fmt.Errorf("the model chose %d tokens for %d sequences", len(choices), len(f.jobs))
		}
		if err := e.chooseOnHost(f, choices); err != nil {
			return err
		}
		return e.compareShadow(f)
	})
	return choices, err
}

// chooseOnHost makes the choices that depend on the tokens before them.
func (e *Engine) chooseOnHost(f *flight, choices []sampling.Choice) error {
	for i, j := range f.jobs {
		if !j.sampler.Penalised() || j.ended {
			continue
		}
		logits, err := e.model.Logits(f.step, i)
		if err != nil {
			return err
		}
		if choices[i], err = j.sampler.Next(logits[0]); err != nil {
			choices[i] = sampling.Choice{Token: sampling.NoToken}
		}
	}
	return nil
}

// deliver sends a token that has landed, unless it is one that ends the answer.
func (e *Engine) deliver(j *job, choice sampling.Choice, now time.Time) ending {
	j.land()
	if choice.Token == sampling.NoToken {
		return failed(fmt.Errorf("choosing token %d: %w", j.usage.CompletionTokens+1, errNoChoice))
	}
	j.next = choice.Token
	j.usage.CompletionTokens++
	j.unpaid++
	if j.said != nil {
		j.said = append(j.said, choice.Token)
	}
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

// landPrompt sends the first token of an answer, and reports what its prompt took.
func (e *Engine) landPrompt(f *flight) {
	j := f.jobs[0]
	if j.ended {
		f.filled.publish(false)
		return
	}
	choices, err := e.read(f)
	f.filled.publish(err == nil)
	if f.ticket != nil {
		e.running = append(e.running, j)
		if err == nil {
			err = e.contain("compressing", func() error { return e.adopt(f) })
		}
		if err != nil && f.filled.shadow != nil && e.shadow == nil {
			f.filled.shadow.Release()
		}
	}
	now := e.opts.Clock()
	e.endRunning(func(other *job) ending {
		if other != j {
			return ending{}
		}
		if err != nil {
			return failed(fmt.Errorf("waiting for the first token: %w", err))
		}
		j.usage.PrefillSeconds = (now.Sub(f.filled.start) - f.filled.scoring).Seconds()
		if f.ticket == nil {
			f.filled.report.Usage = j.usage
			e.opts.Recorder.Prefilled(f.filled.report)
		}
		return e.deliver(j, choices[0], now)
	})
}
