package tuning

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/testkit"
	"aircache.dev/aircache/runtime/control"
)

func busy(p *fakePod) { p.usage = 0.92 }
func calm(p *fakePod) { p.usage = 0.3 }

func TestPressureLowersLivePodsAndCalmRaisesThem(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	pods := []*fakePod{s.pod(d, "cpu", "docs-1"), s.pod(d, "cpu", "docs-2")}
	s.look(3)
	s.expectConditions(d, "True Converged", "True Fresh", "True Met")

	pods[0].set(busy)
	if changes := s.look(1); changes != 1 {
		t.Errorf("the reconciler was woken %d times, want once", changes)
	}
	for i, p := range pods {
		if applied, _, _ := p.get(); applied.TargetPermille != 900 || applied.Revision != 2 || applied.Epoch != 1 {
			t.Errorf("pod %d applies %+v", i, applied)
		}
	}
	got := s.tuning(d, "cpu")
	if got.TargetPermille != 900 || got.Revision != 2 || got.AckedReplicas != 2 || got.Reason != "KVPressure" || got.LastChangeTime == nil {
		t.Errorf("status would say %+v", got)
	}
	s.expectConditions(d, "True Adjusting", "True Fresh", "False KVPressure")
	result, _ := s.loop.Get(d.UID)
	decisions := result.Pools["cpu"].Decisions
	want := "retention goes from 100% to 90%: KV demand is 92% of the pool (4 running, 0 waiting in the fullest pod), the objective is 85%"
	if len(decisions) != 1 || decisions[0].Message != want || result.TuningActive.Message != want {
		t.Errorf("decisions are %+v", decisions)
	}
	if result.Latency != "ttft p95 0.49 s" || result.Quality != "recall 93%" || result.Pools["cpu"].Product != "CPU" {
		t.Errorf("texts are %q, %q, %q", result.Latency, result.Quality, result.Pools["cpu"].Product)
	}

	pods[0].set(calm)
	s.look(60)
	if got := s.tuning(d, "cpu"); got.TargetPermille != 1000 || got.AckedReplicas != 2 {
		t.Errorf("two minutes later status would say %+v", got)
	}
}

func TestTooLittleAgreementRaisesLivePodsAndIsTold(t *testing.T) {
	s := newStory(t)
	d := s.create("docs", func(d *v1alpha1.AirCacheDeployment) {
		d.Spec.Cache.Retention.Percent, d.Spec.Tuning.StabilizationSeconds = ptr.To(int32(30)), ptr.To(int32(3600))
		d.Spec.Quality = v1alpha1.QualitySpec{MinRecallPercent: ptr.To(int32(0)), ShadowSamplePermille: ptr.To(int32(100)), MinAgreementPercent: 97}
	})
	p := s.pod(d, "cpu", "docs-1")
	s.look(3)
	s.expectQuality(d, "Unknown InsufficientSamples", "recall 93%")

	p.set(func(p *fakePod) { p.agreed = 0.99 })
	s.look(3)
	s.expectQuality(d, "True Agreeing", "recall 93%, agreement 99%")
	result, _ := s.loop.Get(d.UID)
	if got, want := result.Pools["cpu"].Quality, (v1alpha1.PoolQuality{RecallPermille: 930, AgreementPermille: 990, ComparedRequests: 50}); got != want {
		t.Errorf("status would say %+v, want %+v", got, want)
	}
	if changes := s.look(20); changes != 0 {
		t.Errorf("figures that say the same woke the reconciler %d times", changes)
	}
	if n := testutil.CollectAndCount(s.loop.Metrics.agreement); n != 1 {
		t.Errorf("%d agreement series", n)
	}

	p.set(func(p *fakePod) { p.agreed = 0.9 })
	for range 100 {
		if s.look(1); s.tuning(d, "cpu").TargetPermille != 300 {
			break
		}
	}
	applied, _, _ := p.get()
	got := s.tuning(d, "cpu")
	if applied.TargetPermille != 400 || got.TargetPermille != applied.TargetPermille || got.Reason != "QualityFloor" || got.AgreementFloorPermille != got.TargetPermille {
		t.Errorf("the pod applies %+v, status would say %+v", applied, got)
	}
	result, _ = s.loop.Get(d.UID)
	if decisions := result.Pools["cpu"].Decisions; len(decisions) == 0 || !strings.Contains(decisions[0].Message, "compared requests agree with the whole cache, 97% are asked") {
		t.Errorf("decisions are %+v", decisions)
	}
	s.expectQuality(d, "False Violated", "recall 93%")
	if n := testutil.CollectAndCount(s.loop.Metrics.agreement); n != 0 {
		t.Errorf("%d agreement series say something of a value that nothing was compared at", n)
	}

	s.report(d)
	s.startOperator()
	s.look(1)
	if again := s.tuning(d, "cpu"); again.AgreementFloorPermille != got.AgreementFloorPermille || again.TargetPermille != got.TargetPermille {
		t.Errorf("after a restart status would say %+v, it said %+v", again, got)
	}
}

func TestWithoutComparisonsThereIsNoAgreementGuard(t *testing.T) {
	s := newStory(t)
	d := s.create("docs", func(d *v1alpha1.AirCacheDeployment) {
		d.Spec.Cache.Retention.Percent, d.Spec.Cache.Retention.MinPercent = ptr.To(int32(60)), 50
		d.Spec.Quality = v1alpha1.QualitySpec{MinRecallPercent: ptr.To(int32(0)), ShadowSamplePermille: ptr.To(int32(0)), MinAgreementPercent: 97}
	})
	s.pod(d, "cpu", "docs-1")
	s.look(3)
	s.expectQuality(d, "Unknown GuardOff", "recall 93%")
}

func TestSteadyStateWritesNothing(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	p := s.pod(d, "cpu", "docs-1")
	s.look(5)
	_, before, puts := p.get()
	if changes := s.look(100); changes != 0 {
		t.Errorf("the reconciler was woken %d times", changes)
	}
	if _, scrapes, again := p.get(); scrapes != before+100 || again != puts {
		t.Errorf("%d scrapes and %d pushes in 100 looks", scrapes-before, again-puts)
	}
}

func TestRestartedPodGetsItsTuningAgain(t *testing.T) {
	s := newStory(t)
	d := s.create("docs", func(d *v1alpha1.AirCacheDeployment) {
		d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To(int32(40))
	})
	p := s.pod(d, "cpu", "docs-1")
	s.look(1)
	p.restart()
	s.look(1)
	if applied, _, puts := p.get(); applied.TargetPermille != 400 || puts != 2 {
		t.Errorf("the pod applies %+v after %d pushes", applied, puts)
	}
	if got := s.tuning(d, "cpu"); got.Revision != 1 || got.AckedReplicas != 1 {
		t.Errorf("status would say %+v", got)
	}
}

func TestRestartedOperatorGoesOnFromStatus(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	p := s.pod(d, "cpu", "docs-1")
	s.look(2)
	p.set(busy)
	s.look(1)
	p.set(func(p *fakePod) { p.usage = 0.7 })
	s.look(4)
	s.report(d)
	was := s.tuning(d, "cpu")
	_, _, puts := p.get()

	s.startOperator()
	s.look(1)
	if got := s.tuning(d, "cpu"); got.TargetPermille != 900 || got.Revision != was.Revision || !got.LastChangeTime.Equal(was.LastChangeTime) || got.Reason != was.Reason {
		t.Errorf("status would say %+v, it said %+v", got, was)
	}
	if applied, _, again := p.get(); applied.TargetPermille != 900 || again != puts {
		t.Errorf("the pod applies %+v after %d more pushes", applied, again-puts)
	}
	result, _ := s.loop.Get(d.UID)
	if result.TuningActive.Status != "" || result.Latency != d.Status.Latency || len(result.Pools["cpu"].Decisions) != 0 {
		t.Errorf("one look is enough to say %+v", result)
	}
}

func TestPodsThatKnowBetterThanStatusWin(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	p := s.pod(d, "cpu", "docs-1")
	p.set(func(p *fakePod) { p.applied = control.Ack{Epoch: 1, Revision: 9, TargetPermille: 400} })
	s.look(1)
	if got := s.tuning(d, "cpu"); got.TargetPermille != 400 || got.Revision != 9 || got.AckedReplicas != 1 {
		t.Errorf("status would say %+v", got)
	}
}

func TestRecommendingWhatIsInForceIsNoDecision(t *testing.T) {
	s := newStory(t)
	d := s.create("docs", func(d *v1alpha1.AirCacheDeployment) { d.Spec.Tuning.Mode = v1alpha1.TuningRecommend })
	p := s.pod(d, "cpu", "docs-1")
	p.set(calm)
	s.look(3)
	result, _ := s.loop.Get(d.UID)
	if pool := result.Pools["cpu"]; pool.Tuning.RecommendedPermille != 1000 || len(pool.Decisions) != 0 {
		t.Errorf("status would say %+v", pool)
	}
	p.set(busy)
	s.look(3)
	result, _ = s.loop.Get(d.UID)
	if pool := result.Pools["cpu"]; pool.Tuning.RecommendedPermille != 789 || len(pool.Decisions) != 1 {
		t.Errorf("under pressure status would say %+v", pool)
	}
}

func TestModeFollowsSpec(t *testing.T) {
	s := newStory(t)
	d := s.create("docs", func(d *v1alpha1.AirCacheDeployment) { d.Spec.Tuning.Mode = v1alpha1.TuningRecommend })
	p := s.pod(d, "cpu", "docs-1")
	p.set(busy)
	s.look(3)
	if got := s.tuning(d, "cpu"); got.TargetPermille != 1000 || got.RecommendedPermille != 789 {
		t.Errorf("recommending: status would say %+v", got)
	}
	s.expectConditions(d, "True Recommending", "True Fresh", "False KVPressure")
	if changes := s.look(20); changes != 0 {
		t.Errorf("the same recommendation woke the reconciler %d times", changes)
	}
	s.edit(d, func(d *v1alpha1.AirCacheDeployment) {
		d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To(int32(25))
	})
	s.look(1)
	if got := s.tuning(d, "cpu"); got.TargetPermille != 250 || got.RecommendedPermille != 0 || got.AckedReplicas != 1 {
		t.Errorf("fixed: status would say %+v", got)
	}
	s.expectConditions(d, "False Fixed", "True Fresh", "False KVPressure")
	s.edit(d, func(d *v1alpha1.AirCacheDeployment) { d.Spec.Paused, d.Spec.Tuning.Mode = true, v1alpha1.TuningAuto })
	if s.look(5); s.tuning(d, "cpu").TargetPermille != 250 {
		t.Errorf("paused: the value moved")
	}
}

func TestOneLostScrapeIsNoNewsAndTwoAre(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	p := s.pod(d, "cpu", "docs-1")
	s.look(3)
	p.set(func(p *fakePod) { p.down = true })
	s.look(1)
	s.expectConditions(d, "True Converged", "True Fresh", "True Met")
	s.look(1)
	s.expectConditions(d, "False Held", "False Stale", "Unknown Unknown")
	if changes := s.look(20); changes != 0 {
		t.Errorf("the same outage woke the reconciler %d times", changes)
	}
}

func TestOnlyOwnReadyPodsAreAsked(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	own := s.pod(d, "cpu", "docs-1")
	strangers := map[string]*fakePod{
		"of another ReplicaSet": s.pod(d, "cpu", "a", func(p *corev1.Pod) { p.OwnerReferences[0].Name = "other-5d9c" }),
		"without an owner":      s.pod(d, "cpu", "b", func(p *corev1.Pod) { p.OwnerReferences = nil }),
		"of a StatefulSet":      s.pod(d, "cpu", "c", func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "StatefulSet" }),
		"not ready":             s.pod(d, "cpu", "d", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }),
		"without an address":    s.pod(d, "cpu", "e", func(p *corev1.Pod) { p.Status.PodIP = "" }),
		"on the host's network": s.pod(d, "cpu", "f", func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
		"in another namespace":  s.pod(d, "cpu", "g", func(p *corev1.Pod) { p.Namespace = "other" }),
		"of another pool":       s.pod(d, "gpu", "h"),
		"going away":            s.pod(d, "cpu", "i", func(p *corev1.Pod) { p.Finalizers = []string{"example.com/hold"} }),
	}
	s.do(s.client.Delete(context.Background(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "i"}}))
	s.look(2)
	if _, scrapes, _ := own.get(); scrapes != 2 {
		t.Errorf("the own pod was asked %d times", scrapes)
	}
	for what, p := range strangers {
		if _, scrapes, puts := p.get(); scrapes+puts != 0 {
			t.Errorf("a pod %s was asked", what)
		}
	}
}

func TestPoolsAreTunedApart(t *testing.T) {
	s := newStory(t)
	s.do(s.client.Create(context.Background(), testkit.GPUClass("careful", func(c *v1alpha1.GPUClass) {
		c.Spec.MinRetentionPercent = ptr.To(int32(95))
	})))
	d := s.create("docs", testkit.WithTypes(testkit.CPUType("cpu"), testkit.ClassType("gpu", "careful"), testkit.ClassType("lost", "missing")))
	s.pod(d, "cpu", "docs-1").set(busy)
	s.pod(d, "gpu", "docs-2").set(busy)
	lost := s.pod(d, "lost", "docs-3")
	s.look(2)
	if got := s.tuning(d, "cpu"); got.TargetPermille != 900 || got.LowerBoundPermille != 100 {
		t.Errorf("cpu: status would say %+v", got)
	}
	if got := s.tuning(d, "gpu"); got.TargetPermille != 1000 || got.LowerBoundPermille != 950 {
		t.Errorf("gpu: status would say %+v (its class allows 5 %% only, which would free too little)", got)
	}
	if _, scrapes, puts := lost.get(); scrapes+puts != 0 {
		t.Error("a pool whose class is missing was touched")
	}
	if _, _, err := s.loop.look(context.Background(), d, s.loop.objects[d.UID]); err != nil {
		t.Errorf("the missing class, which status reports, is an error of every look too: %v", err)
	}
	result, _ := s.loop.Get(d.UID)
	if !strings.HasPrefix(result.ObjectivesMet.Message, "pool gpu: ") || result.ObjectivesMet.Reason != "CompressionCannotHelp" {
		t.Errorf("objectives say %+v", result.ObjectivesMet)
	}
}

func TestDeletedObjectIsForgotten(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	s.pod(d, "cpu", "docs-1")
	s.look(1)
	if n := testutil.CollectAndCount(s.loop.Metrics.retention); n != 1 {
		t.Fatalf("%d retention series", n)
	}
	s.do(s.client.Delete(context.Background(), d))
	s.look(1)
	if _, ok := s.loop.Get(d.UID); ok || testutil.CollectAndCount(s.loop.Metrics.retention) != 0 {
		t.Error("the loop remembers an object that is gone")
	}
}

func TestEachObjectHasItsOwnInterval(t *testing.T) {
	s := newStory(t)
	quick := s.create("quick")
	slow := s.create("slow", func(d *v1alpha1.AirCacheDeployment) { d.Spec.Tuning.IntervalSeconds = 15 })
	a, b := s.pod(quick, "cpu", "quick-1"), s.pod(slow, "cpu", "slow-1")
	s.look(30) // a minute
	if _, scrapes, _ := a.get(); scrapes != 30 {
		t.Errorf("the object with 2 s was looked at %d times in a minute", scrapes)
	}
	if _, scrapes, _ := b.get(); scrapes != 4 {
		t.Errorf("the object with 15 s was looked at %d times in a minute", scrapes)
	}
}

func TestAHangingPodDelaysNobodyElse(t *testing.T) {
	s := newStory(t)
	hanging, healthy := s.create("hanging"), s.create("healthy")
	stuck := make(chan struct{})
	s.pod(hanging, "cpu", "hanging-1").set(func(p *fakePod) { p.hang = stuck })
	s.pod(healthy, "cpu", "healthy-1")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.loop.Start(ctx) }()
	select {
	case e := <-s.loop.Changes():
		if e.Object.GetName() != "healthy" {
			t.Errorf("the first result is of %s", e.Object.GetName())
		}
	case <-time.After(30 * time.Second):
		t.Error("the healthy object waited for the other's pod")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(stuck)
}

func TestObjectsThatExistAtTheStartAreSpreadOverTheirInterval(t *testing.T) {
	s := newStory(t)
	s.loop.started = false
	for i := range 40 {
		s.create("docs-" + string(rune('a'+i/10)) + string(rune('a'+i%10)))
	}
	most, all := 0, 0
	for range 9 { // two seconds
		due, err := s.loop.due(context.Background())
		s.do(err)
		most, all = max(most, len(due)), all+len(due)
		s.clock.Step(tick)
	}
	if all != 40 || most > 20 {
		t.Errorf("%d of 40 objects were looked at in 2 s, %d at once", all, most)
	}
}

func TestAnEditedSpecDoesNotWaitForTheRhythm(t *testing.T) {
	s := newStory(t)
	d := s.create("docs", func(d *v1alpha1.AirCacheDeployment) { d.Generation, d.Spec.Tuning.IntervalSeconds = 1, 60 })
	p := s.pod(d, "cpu", "docs-1")
	s.look(3) // 6 s, the first of them has the one look that is due
	looks := func() int {
		due, err := s.loop.due(context.Background())
		s.do(err)
		for _, d := range due {
			s.loop.round(context.Background(), d)
		}
		return len(due)
	}
	if n := looks(); n != 0 {
		t.Fatalf("%d looks before the interval is over", n)
	}
	s.edit(d, func(d *v1alpha1.AirCacheDeployment) {
		d.Generation, d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = 2, v1alpha1.TuningFixed, ptr.To(int32(40))
	})
	if n := looks(); n != 1 {
		t.Fatalf("%d looks after an edit", n)
	}
	if got := s.tuning(d, "cpu"); got.TargetPermille != 400 || got.AckedReplicas != 1 {
		t.Errorf("status would say %+v", got)
	}
	if _, scrapes, puts := p.get(); scrapes != 1 || puts != 2 {
		t.Errorf("the pod was read %d times and told %d times: metrics of 6 s ago will do", scrapes, puts)
	}
	if n := looks(); n != 0 {
		t.Errorf("%d more looks for the same edit", n)
	}

	q := s.pod(d, "cpu", "docs-2") // nothing is known of it
	s.edit(d, func(d *v1alpha1.AirCacheDeployment) {
		d.Generation, d.Spec.Cache.Retention.Percent = 3, ptr.To(int32(50))
	})
	looks()
	for _, pod := range []*fakePod{p, q} {
		if applied, scrapes, _ := pod.get(); scrapes == 0 || applied.TargetPermille != 500 {
			t.Errorf("a pod was read %d times and applies %d", scrapes, applied.TargetPermille)
		}
	}
}

func TestWhatWasLearnedOutlivesARestart(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	p := s.pod(d, "cpu", "docs-1")
	s.look(3)
	p.set(busy)
	s.look(1)
	was := s.tuning(d, "cpu").Learned
	if was == nil || was.Version != 1 || was.TextSharePermille != 200 {
		t.Fatalf("status would keep %+v", was)
	}
	s.report(d)
	s.startOperator()
	s.look(1)
	if got := s.loop.objects[d.UID].pools["cpu"].state.Learned(); got.TextSharePermille != was.TextSharePermille {
		t.Errorf("after the restart the tuner knows %+v", got)
	}
}

func TestWhatAnotherVersionLearnedIsLearnedAnewAndTold(t *testing.T) {
	s := newStory(t)
	d := s.create("docs")
	s.pod(d, "cpu", "docs-1").set(busy)
	s.look(2)
	s.report(d)
	d.Status.Pools[0].Tuning.Learned.Version = 7
	s.do(s.client.Status().Update(context.Background(), d))
	was := s.tuning(d, "cpu")
	s.startOperator()
	s.look(1)
	got := s.tuning(d, "cpu")
	if got.TargetPermille != was.TargetPermille || got.Revision < was.Revision {
		t.Errorf("status said %+v, would say %+v", was, got)
	}
	result, _ := s.loop.Get(d.UID)
	if told := result.Pools["cpu"].Decisions; len(told) == 0 || told[0].Reason != "LearnsAnew" || !strings.Contains(told[0].Message, "schema version 7") {
		t.Errorf("decisions are %+v", told)
	}
}

func TestReplicasAreRecommendedWhenRetentionIsAtItsFloor(t *testing.T) {
	s := newStory(t)
	d := s.create("docs", func(d *v1alpha1.AirCacheDeployment) { d.Spec.Cache.Retention.MinPercent = 90 })
	s.pod(d, "cpu", "docs-1").set(busy)
	s.look(20)
	if got := s.tuning(d, "cpu"); got.TargetPermille != 900 || got.RecommendedReplicas != 2 {
		t.Errorf("status would say %+v", got)
	}
	if n := testutil.CollectAndCount(s.loop.Metrics.replicas); n != 1 {
		t.Errorf("%d series of recommended replicas", n)
	}
	if changes := s.look(50); changes != 0 {
		t.Errorf("the same recommendation woke the reconciler %d times", changes)
	}
}
