package engine

import (
	"slices"

	"aircache.dev/aircache/runtime/kv"
)

// talk is what a finished request leaves for the next turn of its conversation where PrefixCache.Keep says so: its own cache, as it was
// compressed for its own question, and the answer's rows. The next turn goes on with it if it is the same conversation: the same
// tenant, the same pictures and no further one, and a prompt that begins with every token of the one before. Then the rows of
// the answer that it repeats stay, those behind are dropped, and only what is new is prefilled, over the compressed cache. Nothing is
// evicted a second time, whatever the retention in force.
//
// So Keep is no prefix cache: what was kept was chosen for the first question, and a later one sees no more of the picture than
// that. It saves memory and time at the price of exactness, for follow-ups in which the picture matters little. A talk is taken
// by the turn that goes on with it, so no two requests ever have it; a prompt that parts before the end of the earlier one, another
// question about the same picture say, never gets it and takes the exact way.
type talk struct {
	tenant   string
	pictures []pictureKey
	tokens   []int32 // of all rows: the prompt, and what of the answer was fed back
	prompt   int     // of them
	usage    Usage   // of compression
}

// mostTalks bounds the search for one.
const mostTalks = 256

// leave puts a finished request's cache on the shelf, and reports whether it is there.
func (e *Engine) leave(j *job, end ending) bool {
	if e.shelf == nil || end.reason != FinishStop && end.reason != FinishLength || j.lastToken.IsZero() && j.usage.CompletionTokens == 0 {
		return false
	}
	for _, key := range j.pictures {
		if key == (pictureKey{}) {
			return false // it has no name
		}
	}
	j.sequence.Rewind(j.pending) // rows of tokens that count for nobody
	fed := j.sequence.Position - j.span
	if fed < 0 || fed > len(j.said) {
		return false
	}
	t := &talk{tenant: j.request.Tenant, pictures: j.pictures, tokens: slices.Concat(j.request.Tokens, j.said[:fed]), prompt: len(j.request.Tokens), usage: j.usage}
	if err := e.shelf.Put(j.sequence, t); err != nil {
		e.opts.Log.Error("keeping a conversation's pages failed", "request", j.handle.id, "reason", err)
		return false
	}
	return true
}

// goOn looks for the turn before, and takes its cache over where the new rows and the answer fit behind it.
func (f *filling) goOn() bool {
	e, j := f.engine, f.job
	item, shared := e.findTalk(j)
	if item == nil {
		return false
	}
	t := item.Label.(*talk)
	rows, dropped := e.shelf.Rows(item), len(t.tokens)-shared
	for l := range rows {
		rows[l] -= dropped
	}
	need := e.shape.Remaining(rows, j.prompt.Rows-shared+answerRows(j.promised))
	if more := need - j.promise.Pages(); more > 0 && j.promise.Extend(more) != nil {
		return false
	}
	if err := j.sequence.Release(); err != nil {
		e.opts.Log.Error("releasing a request's pages failed", "request", j.handle.id, "reason", err)
	}
	j.sequence = e.shelf.Take(item)
	j.sequence.Rewind(dropped)
	f.talk, f.device, f.cascade, f.view = t, false, nil, viewOf(j.sequence)
	f.reuse.rows, f.reuse.pictures, f.reuse.position = shared, len(t.pictures), j.sequence.Position
	j.whole = "the turn before is continued on its compressed cache"
	f.whole = j.whole
	j.span = j.sequence.Position + j.prompt.Rows - shared
	j.usage.RetentionPermille, j.usage.CachedTokens = t.usage.RetentionPermille, shared
	return true
}

// findTalk is the latest turn that the request goes on with, and how many of its rows both have.
func (e *Engine) findTalk(j *job) (found *kv.Shelved, shared int) {
	seen := 0
	e.shelf.Each(func(item *kv.Shelved) bool {
		t := item.Label.(*talk)
		if t.tenant == j.request.Tenant && slices.Equal(t.pictures, j.pictures) {
			if n := common(t.tokens, j.request.Tokens[:len(j.request.Tokens)-1]); n >= t.prompt && n > shared {
				found, shared = item, n
			}
		}
		seen++
		return seen < mostTalks
	})
	return found, shared
}

// common is how many tokens two lists begin with alike.
func common(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// describe tells what the first turn's compression kept.
func (t *talk) describe(u *Usage) {
	u.KVTokensKept, u.Recall, u.Elite, u.KeptWhole = t.usage.KVTokensKept, t.usage.Recall, t.usage.Elite, ""
}
