package engine

import (
	"encoding/binary"
	"hash/fnv"

	"aircache.dev/aircache/runtime/compress"
)

// While a value is on trial, each request is in one of two arms: the stable one, or the canary's, which gets the candidate.

// arm draws a request's arm, notes what the other one would get, and returns its retention. The draw is a hash of the request's
// ID, seeded by the directive's order: the same request under the same directive is in the same arm, in every pod and in a
// replay, and each trial falls on other requests. The caller holds the lock.
func (e *Engine) arm(j *job) (permille int) {
	a := e.applied
	j.other, j.usage.Canary = 0, false
	if a.CanaryPermille == 0 || j.whole != "" {
		return int(a.TargetPermille)
	}
	if drawnFor(j.request.ID, a.Epoch, a.Revision) < a.CanaryPermille {
		j.other, j.usage.Canary = int(a.TargetPermille), true
		return int(a.CandidatePermille)
	}
	j.other = int(a.CandidatePermille)
	return int(a.TargetPermille)
}

// drawnFor is a number from 0 to 999 that looks random: FNV-1a of order and ID, its bits mixed by the finalizer of MurmurHash3,
// since IDs that differ in their last character alone differ in few bits of FNV's.
func drawnFor(id string, epoch, revision int64) int32 {
	h := fnv.New64a()
	var order [16]byte
	binary.LittleEndian.PutUint64(order[:8], uint64(epoch))
	binary.LittleEndian.PutUint64(order[8:], uint64(revision))
	_, _ = h.Write(order[:])
	_, _ = h.Write([]byte(id))
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return int32((x ^ x>>33) % compress.Everything)
}

// isOfPresentTrial takes from a finding what belongs to a trial that is over, and reports whether anything is left: a canary's
// counters are those of the value on trial now.
func (e *Engine) isOfPresentTrial(a *Agreement) bool {
	now := int(e.Applied().CandidatePermille)
	if a.Canary {
		return a.RetentionPermille == now
	}
	if a.Other != nil && a.Other.RetentionPermille != now {
		a.Other = nil
	}
	return true
}
