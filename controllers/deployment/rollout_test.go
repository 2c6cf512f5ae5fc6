package deployment_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/testkit"
)

// poolIs plays the deployment controller in the middle of a rollout.
func (s *story) poolIs(ctx context.Context, name string, replicas, updated, ready int32, conditions ...appsv1.DeploymentCondition) {
	GinkgoHelper()
	d := s.pool(ctx, name)
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: replicas, UpdatedReplicas: updated, ReadyReplicas: ready, AvailableReplicas: ready, Conditions: conditions}
	Expect(env.Client.Status().Update(ctx, d)).To(Succeed())
}

// strategy is "surge 1, unavailable 0".
func (s *story) strategy(ctx context.Context, name string) string {
	GinkgoHelper()
	u := s.pool(ctx, name).Spec.Strategy.RollingUpdate
	return "surge " + u.MaxSurge.String() + ", unavailable " + u.MaxUnavailable.String()
}

const surges, inPlace = "surge 1, unavailable 0", "surge 0, unavailable 1"

var _ = Describe("an adaptive rollout", func() {
	// rolling is an object of two pods whose template has just changed.
	rolling := func(ctx SpecContext, s *story) *v1alpha1.AirCacheDeployment {
		GinkgoHelper()
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithReplicas(2)))
		d.Spec.Cache.LayerBudget = "Uniform"
		s.applied(ctx, d)
		Expect(s.strategy(ctx, "docs-cpu")).To(Equal(surges))
		return d
	}

	It("goes on in place when the pod that it added gets no node, and the next one starts with one more again", func(ctx SpecContext) {
		s := newStory(ctx)
		d := rolling(ctx, s)
		s.poolIs(ctx, "docs-cpu", 3, 1, 2)
		s.podWith(ctx, "docs-cpu", func(p *corev1.Pod) {
			unschedulable(p)
			p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now)
		})
		s.clock.SetTime(now.Add(4 * time.Minute))
		Expect(testkit.ExpectReconciled(ctx, s, d).RequeueAfter).To(Equal(time.Minute), "nothing else announces that the wait is over")
		Expect(s.strategy(ctx, "docs-cpu")).To(Equal(surges))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonUnschedulable)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		s.happened()

		s.clock.SetTime(now.Add(5 * time.Minute))
		template := s.pool(ctx, "docs-cpu").Spec.Template
		Expect(testkit.ExpectReconciled(ctx, s, d).RequeueAfter).To(BeZero())
		Expect(s.strategy(ctx, "docs-cpu")).To(Equal(inPlace))
		Expect(s.pool(ctx, "docs-cpu").Spec.Template).To(Equal(template), "the rollout is the same")
		Expect(s.happened()).To(ContainElement("Normal RollingInPlace Deployment docs-cpu has no room for one more pod; its pods are replaced one by one in place"))

		By("remembering it over a restart, though the pod has its node now")
		Expect(env.Client.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "docs-cpu-x"}}, client.GracePeriodSeconds(0))).To(Succeed())
		s.poolIs(ctx, "docs-cpu", 2, 1, 1)
		restarted := newStory(ctx)
		restarted.namespace = s.namespace
		testkit.ExpectReconciled(ctx, restarted, d)
		Expect(s.strategy(ctx, "docs-cpu")).To(Equal(inPlace))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRollingOut)).
			To(Equal("pool cpu: 1 of 2 pods have an older template; there is no room for one more, so they are replaced in place"))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonDegraded)

		By("ending it when every pod is new and ready")
		s.poolIs(ctx, "docs-cpu", 2, 2, 1)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.strategy(ctx, "docs-cpu")).To(Equal(inPlace))
		s.poolIs(ctx, "docs-cpu", 2, 2, 2)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.strategy(ctx, "docs-cpu")).To(Equal(surges))
		s.poolBecomes(ctx, "docs-cpu", 2)
		testkit.ExpectReconciled(ctx, s, d)
		expectKStatus(ctx, d, status.CurrentStatus)
	})

	It("does not wait for quota, and is not stalled by it", func(ctx SpecContext) {
		s := newStory(ctx)
		d := rolling(ctx, s)
		refused := appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota: gpus"}
		s.poolIs(ctx, "docs-cpu", 2, 0, 2, refused)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.strategy(ctx, "docs-cpu")).To(Equal(inPlace))
		s.poolIs(ctx, "docs-cpu", 1, 0, 1, refused) // until the pod that goes has gone
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionStalled)
		expectKStatus(ctx, d, status.InProgressStatus)
	})

	It("is stalled past its progress deadline, and goes on by itself", func(ctx SpecContext) {
		s := newStory(ctx)
		d := rolling(ctx, s)
		s.poolIs(ctx, "docs-cpu", 3, 1, 2, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded", Message: `ReplicaSet "docs-cpu-1" has timed out progressing.`})
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonProgressDeadlineExceeded)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		expectKStatus(ctx, d, status.FailedStatus)

		s.poolIs(ctx, "docs-cpu", 3, 2, 2, appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "ReplicaSetUpdated"})
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionStalled)
		expectKStatus(ctx, d, status.InProgressStatus)
		s.poolBecomes(ctx, "docs-cpu", 2)
		testkit.ExpectReconciled(ctx, s, d)
		expectKStatus(ctx, d, status.CurrentStatus)
	})
})
