package control

import "time"

// Retention is counted in permille of a picture's KV cache: 1000 keeps all of it.
const (
	MinPermille = 1
	MaxPermille = 1000
)

// Limits of the text fields; both follow Kubernetes' own (a UID is 36 characters, a label value 63).
const (
	MaxUIDLength  = 64
	MaxPoolLength = 63
)

// Tuning is what the operator asks of a pod.
//
// (Epoch, Revision) orders wishes: an operator that takes over starts a higher
// epoch, each new wish a higher revision. UID and Pool say whom the wish is for;
// an empty one is for everybody. FloorPermille is the lowest value that the
// object allows; zero leaves it to the pod's own arguments.
//
// CanaryPermille of the requests get CandidatePermille instead, a lower value that
// is on trial; both are zero while none is.
type Tuning struct {
	UID            string `json:"uid"`
	Pool           string `json:"pool"`
	Revision       int64  `json:"revision"`
	Epoch          int64  `json:"epoch"`
	TargetPermille int32  `json:"targetPermille"`
	FloorPermille  int32  `json:"floorPermille"`

	CandidatePermille int32 `json:"candidatePermille,omitempty"`
	CanaryPermille    int32 `json:"canaryPermille,omitempty"`
}

// Ack is what a pod applies. Before the first Tuning it carries the start value
// of the pod's arguments, revision 0 and epoch 0.
type Ack struct {
	Revision       int64     `json:"revision"`
	Epoch          int64     `json:"epoch"`
	TargetPermille int32     `json:"targetPermille"`
	AppliedAt      time.Time `json:"appliedAt"`

	CandidatePermille int32 `json:"candidatePermille,omitempty"`
	CanaryPermille    int32 `json:"canaryPermille,omitempty"`
}

// Accepted is the Ack of a Tuning that takes effect at the given time.
func (t Tuning) Accepted(at time.Time) Ack {
	return Ack{
		Revision: t.Revision, Epoch: t.Epoch, TargetPermille: t.TargetPermille, AppliedAt: at.UTC(),
		CandidatePermille: t.CandidatePermille, CanaryPermille: t.CanaryPermille,
	}
}

// Same reports whether the pod already applies exactly this wish. A Tuning that
// was checked and is the Same needs no new Ack.
func (t Tuning) Same(applied Ack) bool {
	return t.Epoch == applied.Epoch && t.Revision == applied.Revision && t.sameValues(applied)
}

func (t Tuning) sameValues(applied Ack) bool {
	return t.TargetPermille == applied.TargetPermille && t.CandidatePermille == applied.CandidatePermille && t.CanaryPermille == applied.CanaryPermille
}
