package deployment_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/testkit"
	"aircache.dev/aircache/runtime/control"
)

// lowered is the tuner's word that it lowered the CPU pool to a value.
func lowered(permille int32, revision int64, at time.Time) deployment.TuningResult {
	decision := v1alpha1.Decision{
		Time: metav1.NewTime(at), Action: "Lower", FromPermille: 1000, ToPermille: permille,
		Reason: "KVPressure", Message: fmt.Sprintf("retention 100%% -> %d%%: 97%% of the KV cache is in use", permille/10),
	}
	return deployment.TuningResult{
		Pools: map[string]deployment.PoolResult{"cpu": {
			Product: "CPU",
			Tuning: v1alpha1.PoolTuning{
				TargetPermille: permille, Revision: revision, Epoch: 1, AckedReplicas: 1, Reason: "KVPressure",
				LastChangeTime: ptr.To(metav1.NewTime(at.Add(345 * time.Millisecond))), AgreementFloorPermille: 300,
			},
			Quality:   v1alpha1.PoolQuality{RecallPermille: 930, AgreementPermille: 981, ComparedRequests: 40},
			Decisions: []v1alpha1.Decision{decision},
		}},
		TuningActive:     deployment.ConditionResult{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAdjusting, Message: decision.Message},
		MetricsAvailable: deployment.ConditionResult{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonFresh, Message: "1 of 1 pods answered"},
		ObjectivesMet:    deployment.ConditionResult{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonKVPressure, Message: "97% > 85%"},
		QualityHealthy:   deployment.ConditionResult{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAgreeing, Message: "98.1% > 97%"},
		Latency:          "itl p95 31 ms", Quality: "recall 93%, agreement 98%",
	}
}

var _ = Describe("the tuned value", func() {
	directive := func(ctx SpecContext, s *story) control.Tuning {
		GinkgoHelper()
		config := testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-tuning", &corev1.ConfigMap{})
		t, err := testkit.Keyring(testkit.Keys()).Open(strings.NewReader(config.Data["cpu.json"]))
		Expect(err).NotTo(HaveOccurred())
		return t
	}

	It("reaches status and the ConfigMap with the tuner's words, and neither spec, nor the template, nor Ready", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionTuningActive, metav1.ConditionUnknown, v1alpha1.ReasonUnknown)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionQualityHealthy, metav1.ConditionUnknown, v1alpha1.ReasonUnknown)
		Expect(directive(ctx, s)).To(Equal(control.Tuning{UID: string(d.UID), Pool: "cpu", Revision: 1, Epoch: 1, TargetPermille: 1000, FloorPermille: 100}))
		before := s.pool(ctx, "docs-cpu").ResourceVersion
		s.happened()

		s.tuning.decide(d, lowered(625, 2, now))
		testkit.ExpectReconciled(ctx, s, d)
		Expect(directive(ctx, s)).To(Equal(control.Tuning{UID: string(d.UID), Pool: "cpu", Revision: 2, Epoch: 1, TargetPermille: 625, FloorPermille: 100}))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionTuningActive, metav1.ConditionTrue, v1alpha1.ReasonAdjusting)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionMetricsAvailable, metav1.ConditionTrue, v1alpha1.ReasonFresh)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionObjectivesMet, metav1.ConditionFalse, v1alpha1.ReasonKVPressure)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionQualityHealthy, metav1.ConditionTrue, v1alpha1.ReasonAgreeing)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		expectKStatus(ctx, d, status.CurrentStatus)
		Expect(d.Status.Retention).To(Equal("62.5%"))
		Expect(d.Status.Latency).To(Equal("itl p95 31 ms"))
		Expect(d.Status.Quality).To(Equal("recall 93%, agreement 98%"))
		Expect(d.Status.Pools[0].Quality).To(Equal(v1alpha1.PoolQuality{RecallPermille: 930, AgreementPermille: 981, ComparedRequests: 40}))
		Expect(d.Status.Pools[0].Tuning.AgreementFloorPermille).To(BeEquivalentTo(300))
		Expect(d.Status.Pools[0].Decisions).To(HaveLen(1))
		Expect(s.pool(ctx, "docs-cpu").ResourceVersion).To(Equal(before))
		Expect(d.Generation).To(BeEquivalentTo(1))
		Expect(s.happened()).To(ConsistOf("Normal KVPressure pool cpu: retention 100% -> 62%: 97% of the KV cache is in use"))

		var writes []string
		s.Client = countingWrites(&writes)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(writes).To(BeEmpty(), "the same result again asks the API server for nothing")
		Expect(s.happened()).To(BeEmpty())
	})

	It("survives a restart of the operator", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		s.tuning.decide(d, lowered(400, 7, now))
		testkit.ExpectReconciled(ctx, s, d)
		before := s.versions(ctx)

		restarted := newStory(ctx)
		restarted.namespace, restarted.Tuning = s.namespace, deployment.NoTuning{}
		testkit.ExpectReconciled(ctx, restarted, d)
		Expect(directive(ctx, s).TargetPermille).To(BeEquivalentTo(400))
		Expect(s.versions(ctx)).To(Equal(before))
		Expect(restarted.happened()).To(BeEmpty())
	})

	It("keeps the newest ten decisions, and says each once", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		s.happened()
		for i := range 12 {
			s.tuning.decide(d, lowered(int32(900-10*i), int64(i+2), now.Add(time.Duration(i)*time.Second)))
			testkit.ExpectReconciled(ctx, s, d)
		}
		testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", d)
		decisions := d.Status.Pools[0].Decisions
		Expect(decisions).To(HaveLen(v1alpha1.MaxDecisions))
		Expect(decisions[0].ToPermille).To(BeEquivalentTo(880))
		Expect(decisions[9].ToPermille).To(BeEquivalentTo(790))
		Expect(s.happened()).To(HaveLen(12))
	})

	It("is the fixed value in mode Fixed, and starts at percent otherwise", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs", func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To(int32(25))
		}))
		Expect(directive(ctx, s).TargetPermille).To(BeEquivalentTo(250))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionTuningActive, metav1.ConditionFalse, v1alpha1.ReasonFixed)
	})
})
