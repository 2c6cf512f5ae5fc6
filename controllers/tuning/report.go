package tuning

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/tuner"
)

// stickPermille keeps estimates that move a little from writing status at every look.
const stickPermille = 50

// Reasons of a pool's tuning that no decision has.
const (
	reasonStart     = "Start"
	reasonTakenOver = "TakenOver" // the pods applied something newer than status said
)

// report is what status should say of one pool.
type report struct {
	deployment.PoolResult
}

func reportFrom(before v1alpha1.PoolStatus) report {
	return report{deployment.PoolResult{Product: before.Product, Tuning: before.Tuning}}
}

// update takes one round in. moved says that the target changed, or what is recommended.
func (r *report) update(s seen, product string) (moved bool) {
	t, d := &r.Tuning, s.decision
	if product != "" {
		r.Product = product
	}
	isNew := t.Revision == 0 && t.Epoch == 0
	moved = d.Action != tuner.Hold || t.Epoch != s.applied.Epoch || t.Revision != s.applied.Revision
	if moved {
		switch {
		case d.Action == tuner.Try: // the value stays, and why it is what it is
			r.decidedAll(s)
		case d.Action != tuner.Hold:
			t.Reason = string(d.Reason)
			r.decidedAll(s)
		case isNew:
			t.Reason = reasonStart
		default:
			t.Reason = reasonTakenOver
		}
		if d.Action != tuner.Try && (!isNew || d.Action != tuner.Hold) {
			t.LastChangeTime = ptr.To(metav1.NewTime(s.at).Rfc3339Copy())
		}
	}
	t.TargetPermille, t.Epoch, t.Revision = s.applied.TargetPermille, s.applied.Epoch, s.applied.Revision
	t.CandidatePermille, t.CanaryPermille = s.applied.CandidatePermille, s.applied.CanaryPermille
	t.AckedReplicas = s.acked
	t.UpperBoundPermille = d.UpperPermille
	t.LowerBoundPermille = stick(t.LowerBoundPermille, d.LowerPermille, s.bounds.FloorPermille, d.UpperPermille)
	if t.AgreementFloorPermille = stick(t.AgreementFloorPermille, s.agreementFloor, s.bounds.FloorPermille, d.UpperPermille); s.agreementFloor == 0 {
		t.AgreementFloorPermille = 0
	}
	switch {
	case s.lastGood > 0:
		t.LastKnownGoodPermille = s.lastGood
	case t.LastKnownGoodPermille == 0:
		t.LastKnownGoodPermille = t.TargetPermille
	}
	more := s.decision.Replicas.Recommended
	if of := int32(s.sample.Desired); more > 0 {
		moved = more != t.RecommendedReplicas || of != r.SaidOfReplicas || moved
		t.RecommendedReplicas, r.SaidOfReplicas = more, of
	}
	if moved = r.recommend(s) || moved; moved {
		t.Learned = ptr.To(v1alpha1.LearnedTuning(s.learned))
	}
	return moved
}

// reasonLearnsAnew is the word for numbers in status that this operator does not know.
const reasonLearnsAnew = "LearnsAnew"

// notUnderstood tells, as a decision, that the tuner starts without what an operator of another version learned.
func (r *report) notUnderstood(now time.Time, err error) {
	t := &r.Tuning
	t.Learned = nil
	r.append(v1alpha1.Decision{
		Time: metav1.NewTime(now).Rfc3339Copy(), Action: string(tuner.Hold), FromPermille: t.TargetPermille, ToPermille: t.TargetPermille,
		Reason: reasonLearnsAnew, Message: err.Error(),
	})
}

// recommend notes what mode Recommend would set, when that differs for more than a while.
func (r *report) recommend(s seen) (moved bool) {
	t := &r.Tuning
	if s.mode != tuner.Recommend {
		t.RecommendedPermille = 0
		return false
	}
	if s.decision.Reason != tuner.ReasonRecommending {
		return false // nothing could be seen
	}
	before := t.RecommendedPermille
	t.RecommendedPermille = stick(before, s.decision.WantPermille, s.bounds.FloorPermille, s.bounds.CeilingPermille)
	if t.RecommendedPermille == before || before == 0 && t.RecommendedPermille == t.TargetPermille {
		return false
	}
	r.decided(s, "Recommend", t.TargetPermille, t.RecommendedPermille)
	return true
}

// decidedAll notes a change of the value, or what became of a trial: as a change from the one value to the other.
func (r *report) decidedAll(s seen) {
	d := s.decision
	if d.Action == tuner.Try {
		r.decided(s, string(d.Action), d.Trial.FromPermille, d.Trial.ToPermille)
		return
	}
	r.decided(s, string(d.Action), d.PreviousPermille, d.TargetPermille)
}

// decided notes a decision. Status keeps whole seconds, and rounds are at least two apart.
func (r *report) decided(s seen, action string, from, to int32) {
	r.append(v1alpha1.Decision{
		Time: metav1.NewTime(s.at).Rfc3339Copy(), Action: action, FromPermille: from, ToPermille: to,
		Reason: string(s.decision.Reason), Message: s.decision.Message,
	})
}

// maxMessage is the API's limit.
const maxMessage = 512

func (r *report) append(d v1alpha1.Decision) {
	if len(d.Message) > maxMessage {
		d.Message = d.Message[:maxMessage-3] + "..." // messages are ASCII
	}
	kept := r.Decisions
	if extra := len(kept) + 1 - v1alpha1.MaxDecisions; extra > 0 {
		kept = kept[extra:]
	}
	r.Decisions = append(kept[:len(kept):len(kept)], d)
}

// stick is now, or before if the two are near and now is none of the ends.
func stick(before, now, low, high int32) int32 {
	if near := now-before < stickPermille && before-now < stickPermille; near && now != low && now != high && before != 0 {
		return max(before, low)
	}
	return now
}
