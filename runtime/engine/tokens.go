package engine

import (
	"slices"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/sampling"
)

// hasMore reports whether a further token may come, beside those in flight.
func (j *job) hasMore() bool { return j.usage.CompletionTokens+j.pending < j.maxTokens }

// feed is the token of the next row: the host's, or the one that the device is about to choose.
func (j *job) feed() int32 {
	if j.pending > 0 {
		return backend.Slot(j.slot)
	}
	return j.next
}

// draw is how the next token is chosen. The draws of tokens in flight are remembered: a step that fails is repeated with its own.
func (j *job) draw() (d sampling.Draw) {
	switch {
	case j.sampler.Penalised():
		return d // the host's choice
	case len(j.again) > 0:
		d = j.again[0]
		j.again = append(j.again[:0], j.again[1:]...)
	default:
		d = j.sampler.Draw()
	}
	j.drawn = append(j.drawn, d)
	return d
}

// keepDraw takes the draw of the last token in flight back.
func (j *job) keepDraw() {
	if last := len(j.drawn) - 1; last >= 0 {
		j.again = slices.Insert(j.again, 0, j.drawn[last])
		j.drawn = j.drawn[:last]
	}
}

// land counts a token in flight as read.
func (j *job) land() {
	j.pending--
	if len(j.drawn) > 0 {
		j.drawn = append(j.drawn[:0], j.drawn[1:]...)
	}
}
