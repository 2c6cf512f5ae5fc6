package placement

import (
	"time"
)

// Type is one GPU type: its limit, what it was given last, and how its pods are.
type Type struct {
	Name string
	Max  *int32 // gpuTypes[].maxReplicas; nil: no limit

	Wanted int32 // pods that it was given last
	Ready  int32 // pods that serve
	// Stuck are wanted pods without a node, beyond those that the room of ending pods is for.
	Stuck int32
	// NoCapacity are those for which a node autoscaler says that it cannot get a node.
	NoCapacity int32
	// Rolling: pods of two templates run, so their numbers say nothing about nodes.
	Rolling bool

	Hold
}

// Hold is what is remembered of one type from one decision to the next, and over a restart.
type Hold struct {
	StuckSince time.Time // pods have found no node since then; zero: none is stuck
	Held       bool      // the nodes ran out: it gets no more than Replicas until RetryAt
	Replicas   int32
	RetryAt    time.Time
	Probing    bool // one pod more than Replicas asks whether there are nodes again
}

// Input is all that a decision looks at.
type Input struct {
	Now           time.Time
	Replicas      int32         // wanted over all types
	FallbackAfter time.Duration // a stuck pod moves to the next type after so long
	ReturnAfter   time.Duration // a type that ran out is tried again after so long
	Types         []Type        // in order of preference
}

// Output is the decision.
type Output struct {
	Replicas []int32 // of each type, now
	Holds    []Hold
	Unplaced int32     // wanted, but no type may take them
	Spilled  int32     // on a later type than they would be if no type had run out
	Notes    []Note    // what was decided, to be told
	Next     time.Time // when to decide again though nothing changes; zero: never
}

// Note is one decision about one type.
type Note struct{ Type, Action, Text string }

// Actions of a Note.
const (
	Fallback = "Fallback"     // replicas move to later types
	Probe    = "ProbeStarted" // the type is tried again
	Return   = "Returned"     // the type has a node again
	StillOut = "ProbeFailed"  // the probe found none
	Released = "HoldReleased" // nothing is held back any more
)

// settle is how long a pod must be stuck though an autoscaler has no node for it: the room of a pod that has just gone is not taken yet.
const settle = 5 * time.Second

// Place decides how many pods each type gets now.
func Place(in Input) Output {
	h := newHolds(in)
	h.noteStuck()
	h.judgeProbe()
	h.fallBack()
	h.makeRoom()
	h.tryAgain()

	goal, rest := fill(in.Replicas, h.limits())
	free, _ := fill(in.Replicas, maxima(in.Types))
	out := Output{Unplaced: rest, Notes: h.notes, Next: h.next()}
	for i := range goal {
		out.Spilled += max(0, goal[i]-free[i])
	}
	out.Replicas = move(in.Types, h.holds, goal, in.Replicas-rest)
	out.Holds = h.holds
	return out
}
