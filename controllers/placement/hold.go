package placement

import (
	"fmt"
	"time"
)

// soonest is how soon a type that ran out is tried again when the later ones have run out too.
const soonest = time.Minute

// holds works out which types are held, starting from what is remembered.
type holds struct {
	Input
	holds []Hold
	notes []Note
}

func newHolds(in Input) *holds {
	h := &holds{Input: in, holds: make([]Hold, len(in.Types))}
	for i, t := range in.Types {
		h.holds[i] = t.Hold
	}
	return h
}

func (h *holds) say(i int, action, format string, values ...any) {
	h.notes = append(h.notes, Note{h.Types[i].Name, action, fmt.Sprintf(format, values...)})
}

// noteStuck starts and stops the clocks. Where there is one type, its pods wait for it.
func (h *holds) noteStuck() {
	for i, t := range h.Types {
		switch {
		case t.Stuck == 0, len(h.Types) == 1:
			h.holds[i].StuckSince = time.Time{}
		case h.holds[i].StuckSince.IsZero():
			h.holds[i].StuckSince = h.Now
		}
	}
}

// deadline is when stuck pods of a type have waited long enough; zero when none is stuck.
func (h *holds) deadline(i int) time.Time {
	since := h.holds[i].StuckSince
	switch {
	case since.IsZero():
		return since
	case h.Types[i].NoCapacity > 0:
		return since.Add(min(h.FallbackAfter, settle))
	}
	return since.Add(h.FallbackAfter)
}

// isOut tells whether stuck pods of a type have waited long enough.
func (h *holds) isOut(i int) bool {
	at := h.deadline(i)
	return !at.IsZero() && !h.Now.Before(at)
}

// hopeless are the stuck pods of a type that is out that need not wait any longer: all of them after FallbackAfter, before that those
// of which an autoscaler says so. Nodes for the others may be on their way.
func (h *holds) hopeless(i int) int32 {
	if h.Now.Before(h.holds[i].StuckSince.Add(h.FallbackAfter)) {
		return min(h.Types[i].NoCapacity, h.Types[i].Stuck)
	}
	return h.Types[i].Stuck
}

// limits are the most pods of each type: its own limit and what it is held at.
func (h *holds) limits() []int32 {
	limits := maxima(h.Types)
	for i, hold := range h.holds {
		if hold.Held {
			limits[i] = min(limits[i], hold.Replicas)
		}
	}
	return limits
}

// judgeProbe ends a probe: its pod is ready, or found no node, or a rollout came between.
func (h *holds) judgeProbe() {
	for i, t := range h.Types {
		hold := &h.holds[i]
		switch {
		case !hold.Probing:
		case !h.holdsBack(i):
			h.release(i, "no replica belongs there")
		case t.Rolling:
			hold.Probing, hold.RetryAt = false, h.Now
		case t.Ready > hold.Replicas:
			hold.Replicas++
			if !h.holdsBack(i) {
				h.release(i, "all replicas that belong there fit")
				continue
			}
			h.say(i, Return, "a pod is ready there again: a replica of a later type moves back, and the next is tried")
		case h.isOut(i):
			hold.Probing, hold.RetryAt, hold.StuckSince = false, h.Now.Add(h.ReturnAfter), time.Time{}
			h.say(i, StillOut, "there is still no node")
		}
	}
}

// fallBack holds a type whose pods waited long enough at what has a node, as far as later types can take the rest: a pod that no type
// has a node for waits where it is.
func (h *holds) fallBack() {
	for i, t := range h.Types {
		hold := &h.holds[i]
		if hold.Probing || !h.isOut(i) {
			continue
		}
		moved := min(h.hopeless(i), t.Wanted, h.room(i+1))
		if moved == 0 {
			h.hurry(i)
			continue
		}
		why := fmt.Sprintf("no node for %s", h.FallbackAfter)
		if t.NoCapacity > 0 {
			why = "no capacity"
		}
		since := hold.StuckSince
		if *hold = (Hold{Held: true, Replicas: t.Wanted - moved, RetryAt: h.Now.Add(h.ReturnAfter)}); moved < t.Stuck {
			hold.StuckSince = since // others wait on
		}
		h.say(i, Fallback, "%s: replicas that move to the next GPU type: %d; tried again in %s", why, moved, h.ReturnAfter)
	}
}

// room is what the types from i on may still take. One that is out itself may take nothing.
func (h *holds) room(from int) int32 {
	var room int64
	for k, limit := range h.limits()[from:] {
		if k += from; !h.isOut(k) {
			room += int64(max(0, limit-h.Types[k].Wanted))
		}
	}
	return int32(min(room, unlimited))
}

// hurry brings the next try of the types before i forward: i was their way out, and is out itself.
func (h *holds) hurry(i int) {
	for k := range i {
		soon := h.Now.Add(max(h.FallbackAfter, soonest))
		if hold := &h.holds[k]; hold.Held && !hold.Probing && soon.Before(hold.RetryAt) {
			hold.RetryAt = soon
		}
	}
}

// makeRoom releases held types, the first one first, while later types cannot take what they are held back from: such pods wait where
// they belong.
func (h *holds) makeRoom() {
	_, unavoidable := fill(h.Replicas, maxima(h.Types))
	for i := range h.holds {
		if _, rest := fill(h.Replicas, h.limits()); rest > unavoidable && h.holds[i].Held {
			h.release(i, "later GPU types have no room")
		}
	}
}

// holdsBack tells whether a type would get more pods if it were not held.
func (h *holds) holdsBack(i int) bool {
	limits := h.limits()
	with, _ := fill(h.Replicas, limits)
	limits[i] = maxima(h.Types)[i]
	without, _ := fill(h.Replicas, limits)
	return without[i] > with[i]
}

func (h *holds) release(i int, why string) {
	h.holds[i] = Hold{StuckSince: h.holds[i].StuckSince}
	h.say(i, Released, "not held back any more: %s", why)
}

// tryAgain starts the next probe, one at a time and not during another move, and releases types that hold nothing back.
func (h *holds) tryAgain() {
	busy, out := false, false
	var wanted int32
	for i, t := range h.Types {
		busy, out = busy || h.holds[i].Probing, out || h.isOut(i)
		wanted += t.Wanted
	}
	busy = busy || wanted > h.Replicas && !out // a move that goes nowhere gives way
	for i, t := range h.Types {
		hold := &h.holds[i]
		if !hold.Held || hold.Probing || h.Now.Before(hold.RetryAt) {
			continue
		}
		if !h.holdsBack(i) {
			h.release(i, "no replica belongs there")
		} else if !busy && !t.Rolling {
			hold.Probing, hold.StuckSince, busy = true, time.Time{}, true
			h.say(i, Probe, "tried again with one pod")
		}
	}
}

// next is the earliest time at which one of the clocks says something new.
func (h *holds) next() time.Time {
	var next time.Time
	for i, hold := range h.holds {
		at := []time.Time{h.deadline(i)}
		if hold.Held && !hold.Probing {
			at = append(at, hold.RetryAt)
		}
		for _, t := range at {
			if t.After(h.Now) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}
