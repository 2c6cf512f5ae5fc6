package control

import (
	"errors"
	"testing"
	"time"
)

var (
	pod     = Bounds{UID: "u-1", Pool: "l40s", FloorPermille: 100, CeilingPermille: 900}
	applied = Ack{Epoch: 2, Revision: 7, TargetPermille: 500}
	wish    = Tuning{UID: "u-1", Pool: "l40s", Epoch: 2, Revision: 8, TargetPermille: 400, FloorPermille: 100}
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*Tuning)
		param string // "" = accepted
		code  string
	}{
		{"the next revision is accepted", func(t *Tuning) {}, "", ""},
		{"the same wish again is accepted", func(t *Tuning) { t.Revision, t.TargetPermille = 7, 500 }, "", ""},
		{"a higher epoch may restart the revisions", func(t *Tuning) { t.Epoch, t.Revision = 3, 1 }, "", ""},
		{"an empty uid and pool are for everybody", func(t *Tuning) { t.UID, t.Pool = "", "" }, "", ""},
		{"the pod's own floor is still allowed", func(t *Tuning) { t.TargetPermille = 100 }, "", ""},
		{"the pod's own ceiling is still allowed", func(t *Tuning) { t.TargetPermille = 900 }, "", ""},
		{"a lower revision is refused", func(t *Tuning) { t.Revision = 6 }, "revision", CodeStale},
		{"a lower epoch is refused whatever its revision", func(t *Tuning) { t.Epoch, t.Revision = 1, 99 }, "revision", CodeStale},
		{"a used revision cannot change its meaning", func(t *Tuning) { t.Revision = 7 }, "revision", CodeStale},
		{"another object's uid is refused", func(t *Tuning) { t.UID = "u-2" }, "uid", CodeWrongAddressee},
		{"another pool is refused", func(t *Tuning) { t.Pool = "a100" }, "pool", CodeWrongAddressee},
		{"under the pod's floor is refused", func(t *Tuning) { t.TargetPermille, t.FloorPermille = 99, 0 }, "targetPermille", CodeOutOfBounds},
		{"under the wish's own floor is refused", func(t *Tuning) { t.FloorPermille = 401 }, "targetPermille", CodeOutOfBounds},
		{"over the pod's ceiling is refused", func(t *Tuning) { t.TargetPermille = 901 }, "targetPermille", CodeOutOfBounds},
		{"zero is no retention", func(t *Tuning) { t.TargetPermille = 0 }, "targetPermille", CodeInvalidValue},
		{"more than all is no retention", func(t *Tuning) { t.TargetPermille = 1001 }, "targetPermille", CodeInvalidValue},
		{"a lower value for a tenth of the requests is accepted", func(t *Tuning) { t.CandidatePermille, t.CanaryPermille = 100, 100 }, "", ""},
		{"a candidate under the pod's floor is refused", func(t *Tuning) { t.CandidatePermille, t.CanaryPermille, t.FloorPermille = 99, 100, 0 }, "candidatePermille", CodeOutOfBounds},
		{"a candidate under the wish's own floor is refused", func(t *Tuning) { t.CandidatePermille, t.CanaryPermille, t.FloorPermille = 199, 100, 200 }, "candidatePermille", CodeOutOfBounds},
		{"a candidate that is no lower is refused", func(t *Tuning) { t.CandidatePermille, t.CanaryPermille = 400, 100 }, "candidatePermille", CodeInvalidValue},
		{"a candidate for nobody is refused", func(t *Tuning) { t.CandidatePermille = 300 }, "candidatePermille", CodeInvalidValue},
		{"more than all requests are refused", func(t *Tuning) { t.CandidatePermille, t.CanaryPermille = 300, 1001 }, "canaryPermille", CodeInvalidValue},
		{"a used revision cannot get a candidate", func(t *Tuning) {
			t.Revision, t.TargetPermille, t.CandidatePermille, t.CanaryPermille = 7, 500, 300, 100
		}, "revision", CodeStale},
		{"a floor over 1000 is refused", func(t *Tuning) { t.FloorPermille = 1001 }, "floorPermille", CodeInvalidValue},
		{"a negative revision is refused", func(t *Tuning) { t.Revision = -1 }, "revision", CodeInvalidValue},
		{"a negative epoch is refused", func(t *Tuning) { t.Epoch = -1 }, "epoch", CodeInvalidValue},
		{"an endless uid is refused", func(t *Tuning) { t.UID = string(make([]byte, 65)) }, "uid", CodeInvalidValue},
		{"an endless pool is refused", func(t *Tuning) { t.Pool = string(make([]byte, 64)) }, "pool", CodeInvalidValue},
	} {
		t.Run(c.name, func(t *testing.T) {
			tuning := wish
			c.edit(&tuning)
			err := tuning.Check(applied, pod)
			if c.param == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			var refusal *Error
			if !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a refusal of %s", err, c.param)
			}
			if refusal.Param != c.param || refusal.Code != c.code {
				t.Errorf("got param %q code %q, want %q %q", refusal.Param, refusal.Code, c.param, c.code)
			}
		})
	}
}

func TestStartValueMayBeReplacedByAnUnnumberedTuning(t *testing.T) {
	start := Ack{TargetPermille: 1000}
	if err := (Tuning{TargetPermille: 300}).Check(start, Bounds{FloorPermille: 100, CeilingPermille: 1000}); err != nil {
		t.Fatal(err)
	}
}

func TestAcceptedIsTheSameWish(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	ack := wish.Accepted(at)
	if !wish.Same(ack) || !ack.AppliedAt.Equal(at) || ack.AppliedAt.Location() != time.UTC {
		t.Errorf("ack %+v does not repeat the wish %+v at %v", ack, wish, at)
	}
}

// Whatever arrives, an accepted wish is inside the pod's bounds and never older than the applied one.
func FuzzCheck(f *testing.F) {
	f.Add(int64(8), int64(2), int32(400), int32(100), int32(100), int32(900))
	f.Add(int64(-1), int64(0), int32(0), int32(-5), int32(1), int32(1000))
	f.Add(int64(1<<62), int64(1<<62), int32(1<<30), int32(1<<30), int32(0), int32(0))
	f.Fuzz(func(t *testing.T, revision, epoch int64, target, floor, ownFloor, ownCeiling int32) {
		tuning := Tuning{Revision: revision, Epoch: epoch, TargetPermille: target, FloorPermille: floor}
		if tuning.Check(applied, Bounds{FloorPermille: ownFloor, CeilingPermille: ownCeiling}) != nil {
			return
		}
		if target < ownFloor || target > ownCeiling || target < floor || target < MinPermille || target > MaxPermille {
			t.Errorf("accepted %+v outside %d..%d", tuning, ownFloor, ownCeiling)
		}
		if epoch < applied.Epoch || epoch == applied.Epoch && revision < applied.Revision {
			t.Errorf("accepted %+v, older than %+v", tuning, applied)
		}
	})
}
