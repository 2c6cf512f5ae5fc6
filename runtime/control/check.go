package control

import "fmt"

// Bounds are a pod's own arguments; they win over every Tuning.
type Bounds struct {
	UID             string // of the AirCacheDeployment; empty accepts every UID
	Pool            string // the pod's pool; empty accepts every pool
	FloorPermille   int32
	CeilingPermille int32
}

// Check tells whether a pod that applies `applied` may apply t, given its own
// bounds: nil, or an *Error that names the field and the limit.
func (t Tuning) Check(applied Ack, own Bounds) error {
	for _, check := range []func() *Error{
		func() *Error { return t.checkFields() },
		func() *Error { return t.checkAddressee(own) },
		func() *Error { return t.checkBounds(own) },
		func() *Error { return t.checkOrder(applied) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (t Tuning) checkFields() *Error {
	switch {
	case len(t.UID) > MaxUIDLength:
		return invalid("uid", "uid has %d characters, at most %d are allowed", len(t.UID), MaxUIDLength)
	case len(t.Pool) > MaxPoolLength:
		return invalid("pool", "pool has %d characters, at most %d are allowed", len(t.Pool), MaxPoolLength)
	case t.Revision < 0:
		return invalid("revision", "revision is %d, it must not be negative", t.Revision)
	case t.Epoch < 0:
		return invalid("epoch", "epoch is %d, it must not be negative", t.Epoch)
	case t.TargetPermille < MinPermille || t.TargetPermille > MaxPermille:
		return invalid("targetPermille", "targetPermille is %d, it must be from %d to %d", t.TargetPermille, MinPermille, MaxPermille)
	case t.FloorPermille < 0 || t.FloorPermille > MaxPermille:
		return invalid("floorPermille", "floorPermille is %d, it must be from 0 to %d", t.FloorPermille, MaxPermille)
	}
	return t.checkCanary()
}

func (t Tuning) checkCanary() *Error {
	switch {
	case t.CanaryPermille < 0 || t.CanaryPermille > MaxPermille:
		return invalid("canaryPermille", "canaryPermille is %d, it must be from 0 to %d", t.CanaryPermille, MaxPermille)
	case t.CanaryPermille == 0 && t.CandidatePermille != 0:
		return invalid("candidatePermille", "candidatePermille is %d, without canaryPermille it must be 0", t.CandidatePermille)
	case t.CanaryPermille > 0 && (t.CandidatePermille < MinPermille || t.CandidatePermille >= t.TargetPermille):
		return invalid("candidatePermille", "candidatePermille is %d, it must be from %d to %d, below targetPermille", t.CandidatePermille, MinPermille, t.TargetPermille-1)
	}
	return nil
}

func (t Tuning) checkAddressee(own Bounds) *Error {
	if t.UID != "" && own.UID != "" && t.UID != own.UID {
		return refused("uid", CodeWrongAddressee, "uid is %q, this pod belongs to %q", t.UID, own.UID)
	}
	if t.Pool != "" && own.Pool != "" && t.Pool != own.Pool {
		return refused("pool", CodeWrongAddressee, "pool is %q, this pod belongs to pool %q", t.Pool, own.Pool)
	}
	return nil
}

func (t Tuning) checkBounds(own Bounds) *Error {
	floor := max(own.FloorPermille, t.FloorPermille)
	if t.TargetPermille < floor || t.TargetPermille > own.CeilingPermille {
		return refused("targetPermille", CodeOutOfBounds,
			"targetPermille is %d, this pod allows %d to %d", t.TargetPermille, floor, own.CeilingPermille)
	}
	if t.CanaryPermille > 0 && t.CandidatePermille < floor {
		return refused("candidatePermille", CodeOutOfBounds,
			"candidatePermille is %d, this pod allows %d to %d", t.CandidatePermille, floor, own.CeilingPermille)
	}
	return nil
}

// checkOrder refuses the past, and a second meaning for an order already used.
// Order (0, 0) is the start value's: it may be replaced until a numbered wish came.
func (t Tuning) checkOrder(applied Ack) *Error {
	if t.Epoch < applied.Epoch || t.Epoch == applied.Epoch && t.Revision < applied.Revision {
		return stale("epoch %d, revision %d is older than the applied epoch %d, revision %d",
			t.Epoch, t.Revision, applied.Epoch, applied.Revision)
	}
	used := t.Epoch == applied.Epoch && t.Revision == applied.Revision
	if numbered := t.Epoch > 0 || t.Revision > 0; used && numbered && !t.sameValues(applied) {
		return stale("epoch %d, revision %d already means %d permille%s, it cannot also mean %d%s", t.Epoch, t.Revision,
			applied.TargetPermille, canaryText(applied.CandidatePermille, applied.CanaryPermille),
			t.TargetPermille, canaryText(t.CandidatePermille, t.CanaryPermille))
	}
	return nil
}

func canaryText(candidate, share int32) string {
	if share == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d for %d permille of the requests)", candidate, share)
}

func invalid(param, format string, args ...any) *Error {
	return refused(param, CodeInvalidValue, format, args...)
}

func stale(format string, args ...any) *Error {
	return refused("revision", CodeStale, format, args...)
}

func refused(param, code, format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Param: param, Code: code}
}
