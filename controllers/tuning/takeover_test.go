package tuning

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/directive"
	"aircache.dev/aircache/controllers/testkit"
	"aircache.dev/aircache/runtime/control"
)

// order is what a pod applies, without the time.
func order(p *fakePod) control.Ack {
	applied, _, _ := p.get()
	return control.Ack{Epoch: applied.Epoch, Revision: applied.Revision, TargetPermille: applied.TargetPermille}
}

func expectOrder(t *testing.T, what string, p *fakePod, epoch, revision int64, permille int32) {
	t.Helper()
	if got, want := order(p), (control.Ack{Epoch: epoch, Revision: revision, TargetPermille: permille}); got != want {
		t.Errorf("%s: the pod applies %+v, want %+v", what, got, want)
	}
}

func TestALeaderThatDiesMidPushLeavesNothingHalfDone(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	reached, missed := s.pod(d, "cpu", "docs-1"), s.pod(d, "cpu", "docs-2")
	s.look(3)
	s.report(d) // epoch 1, revision 1, 100 %
	missed.set(func(p *fakePod) { p.deaf = true })
	reached.set(busy)
	s.look(1)
	expectOrder(t, "the pod that was told", reached, 1, 2, 900)
	expectOrder(t, "the pod that was not", missed, 1, 1, 1000)

	reached.set(func(p *fakePod) { p.usage = 0.7 })
	missed.set(func(p *fakePod) { p.deaf, p.usage = false, 0.7 })
	s.startOperator() // status still says revision 1
	s.look(1)
	expectOrder(t, "after the takeover", reached, 1, 2, 900)
	expectOrder(t, "after the takeover", missed, 1, 2, 900)
	if got := s.tuning(d, "cpu"); got.TargetPermille != 900 || got.AckedReplicas != 2 || got.Reason != "TakenOver" {
		t.Errorf("status would say %+v", got)
	}
}

func TestALeaderThatStillPushesIsTooLate(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	p, q := s.pod(d, "cpu", "docs-1"), s.pod(d, "cpu", "docs-2")
	s.look(3)
	s.report(d)
	old := s.loop
	s.startOperator()
	s.look(2)
	p.set(busy)
	s.look(1)
	expectOrder(t, "the new leader's first change", p, 2, 1, 900)

	late := control.Tuning{UID: string(d.UID), Pool: "cpu", Epoch: 1, Revision: 99, TargetPermille: 300, FloorPermille: 100}
	for _, answer := range old.Pusher.Push(context.Background(), late, []directive.Pod{{UID: "a", URL: p.URL + "/v1/tuning"}, {UID: "b", URL: q.URL + "/v1/tuning"}}) {
		var refused *control.Error
		if !errors.As(answer.Err, &refused) || refused.Code != control.CodeStale {
			t.Errorf("the old leader's word was answered %+v, %v", answer.Ack, answer.Err)
		}
	}
	expectOrder(t, "after the old leader's word", p, 2, 1, 900)
	expectOrder(t, "after the old leader's word", q, 2, 1, 900)
}

func TestTwoLeadersNeverLeaveThePodsOfAPoolApart(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	pods := []*fakePod{s.pod(d, "cpu", "docs-1"), s.pod(d, "cpu", "docs-2")}
	s.look(3)
	s.report(d)
	s.startOperator()
	other := control.Tuning{UID: string(d.UID), Pool: "cpu", Epoch: 2, Revision: 1, TargetPermille: 300, FloorPermille: 100}
	s.look(2)
	pods[0].set(busy)
	pods[1].set(func(p *fakePod) { p.deaf = true }) // it hears of the one leader first, and then of the other
	s.look(1)
	pods[1].set(func(p *fakePod) { p.deaf = false })
	s.loop.Pusher.Push(context.Background(), other, []directive.Pod{{UID: "b", URL: pods[1].URL + "/v1/tuning"}})
	expectOrder(t, "one number", pods[0], 2, 1, 900)
	expectOrder(t, "with two meanings", pods[1], 2, 1, 300)

	pods[0].set(func(p *fakePod) { p.usage = 0.7 })
	pods[1].set(func(p *fakePod) { p.usage = 0.7 })
	s.look(1)
	if a, b := order(pods[0]), order(pods[1]); a != b || a.Epoch != 3 {
		t.Errorf("the pods apply %+v and %+v", a, b)
	}
	if got := s.tuning(d, "cpu"); got.AckedReplicas != 2 || got.Epoch != 3 {
		t.Errorf("status would say %+v", got)
	}
	if s.look(20); order(pods[0]).Epoch != 3 || order(pods[0]) != order(pods[1]) {
		t.Errorf("agreeing pods were numbered anew: %+v", order(pods[0]))
	}
}

func TestAPodThatLiesAboutItsValueIsNotAnsweredWithAnEpochAtEachLook(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	honest, liar := s.pod(d, "cpu", "docs-1"), s.pod(d, "cpu", "docs-2")
	s.look(2)
	liar.set(func(p *fakePod) { p.deaf = true })
	for range 60 { // two minutes
		liar.set(func(p *fakePod) { p.applied = order(honest); p.applied.TargetPermille = 123 })
		s.look(1)
	}
	if got := order(honest); got.Epoch > 4 {
		t.Errorf("two minutes of lies made it %+v", got)
	}
}

func TestAPodCannotUseUpTheNumbersOfItsPool(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	honest, liar := s.pod(d, "cpu", "docs-1"), s.pod(d, "cpu", "docs-2")
	s.look(2)
	for _, claim := range []control.Ack{
		{Epoch: 1 << 53, Revision: 1 << 53, TargetPermille: 123}, {Epoch: 1<<63 - 1, Revision: 1, TargetPermille: 123}, {Epoch: 1, Revision: 1 << 40, TargetPermille: 123},
	} {
		liar.set(func(p *fakePod) { p.applied = claim })
		s.look(2)
		expectOrder(t, "whatever the other pod says", honest, 1, 1, 1000)
	}
	honest.set(busy)
	s.look(1)
	expectOrder(t, "the next change", honest, 1, 2, 900)
	if got := s.tuning(d, "cpu"); got.AckedReplicas != 1 || got.Epoch != 1 {
		t.Errorf("status would say %+v", got)
	}
}

func TestARotationOfKeysMovesNoPodAndLosesNone(t *testing.T) {
	s := newStory(t)
	d := s.create("docs", func(d *v1alpha1.AirCacheDeployment) { d.Spec.Tuning.Mode = v1alpha1.TuningAuto })
	old := s.pod(d, "cpu", "docs-1")
	s.look(3)
	s.report(d)
	_, _, puts := old.get()

	s.keys = testkit.KeysAfter(1) // key 2 signs, key 3 is the next
	s.startOperator()
	s.look(3)
	if _, _, again := old.get(); again != puts {
		t.Errorf("a rotation alone sent %d directives", again-puts)
	}
	young := s.pod(d, "cpu", "docs-2", func(*corev1.Pod) {})
	young.set(func(p *fakePod) { p.keys = testkit.Keyring(s.keys) })
	old.set(busy)
	s.look(1)
	expectOrder(t, "a pod of before the rotation", old, 2, 1, 900)
	expectOrder(t, "a pod of after it", young, 2, 1, 900)

	s.keys = testkit.KeysAfter(2) // too early: the old pod knows keys 1 and 2 alone
	s.report(d)
	s.startOperator()
	old.set(func(p *fakePod) { p.usage = 0.95 })
	s.look(2)
	if order(old).Epoch != 2 || order(young).Epoch != 3 {
		t.Errorf("the pods apply %+v and %+v", order(old), order(young))
	}
	if got := s.tuning(d, "cpu"); got.AckedReplicas != 1 {
		t.Errorf("the lost pod is not told of: %+v", got)
	}
}

// TestClocksNeedNotAgree: pods in these stories live in 1970, wherever the operator is.
func TestClocksNeedNotAgree(t *testing.T) {
	for name, at := range map[string]time.Time{
		"the operator is a century ahead":  time.Date(2070, 1, 1, 0, 0, 0, 0, time.UTC),
		"the operator is ten years behind": time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			s.clock.SetTime(at)
			d := s.create("docs")
			p := s.pod(d, "cpu", "docs-1")
			s.look(3)
			p.set(busy)
			s.look(1)
			expectOrder(t, "under pressure", p, 1, 2, 900)
			s.report(d)
			s.clock.SetTime(at.Add(-time.Hour)) // another leader, whose clock is an hour behind the first one's
			s.startOperator()
			s.look(3)
			if got := order(p); got.Epoch != 2 || got.TargetPermille >= 900 {
				t.Errorf("under pressure that lasts: the pod applies %+v", got)
			}
		})
	}
}
