package deployment_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/testkit"
)

var _ = Describe("placement over GPU types in order", func() {
	var s *story
	var d *v1alpha1.AirCacheDeployment
	spot := testkit.CPUType("spot")
	spot.CapacityTypes = []v1alpha1.CapacityType{v1alpha1.Spot}
	wants := func(ctx context.Context, first, second int) {
		GinkgoHelper()
		testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", d)
		Expect(s.pool(ctx, "docs-spot").Spec.Replicas).To(HaveValue(BeEquivalentTo(first)))
		Expect(s.pool(ctx, "docs-fixed").Spec.Replicas).To(HaveValue(BeEquivalentTo(second)))
	}
	reconcile := func(ctx context.Context) time.Duration {
		GinkgoHelper()
		return testkit.ExpectReconciled(ctx, s, d).RequeueAfter
	}
	BeforeEach(func(ctx SpecContext) {
		s = newStory(ctx)
		d = s.applied(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithReplicas(2), testkit.WithTypes(spot, testkit.CPUType("fixed"))))
		wants(ctx, 2, 0)
	})
	// oneHasNoNode is the first pool with one pod that serves and one that waits.
	oneHasNoNode := func(ctx context.Context) *corev1.Pod {
		GinkgoHelper()
		s.poolBecomes(ctx, "docs-spot", 1)
		s.podOf(ctx, "docs-spot", "a", bound)
		return s.podOf(ctx, "docs-spot", "b", unschedulable)
	}

	It("moves a replica that found no node for so long to the next type, and wakes up exactly then", func(ctx SpecContext) {
		oneHasNoNode(ctx)
		Expect(reconcile(ctx)).To(Equal(180 * time.Second))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonUnschedulable)
		s.clock.SetTime(now.Add(179 * time.Second))
		Expect(reconcile(ctx)).To(Equal(time.Second))
		wants(ctx, 2, 0)

		s.happened()
		s.clock.SetTime(now.Add(180 * time.Second))
		reconcile(ctx)
		wants(ctx, 1, 1)
		Expect(s.happened()).To(ContainElement("Warning Fallback pool spot: no node for 3m0s: replicas that move to the next GPU type: 1; tried again in 30m0s"))
		Expect(d.Status.DesiredReplicas).To(BeEquivalentTo(2))
	})

	It("moves at once when a node autoscaler has no capacity, says so in its words, and returns after a while", func(ctx SpecContext) {
		const words = "Failed to schedule pod, all available instance types exceed limits for nodepool (NodePool=spot)"
		pod := oneHasNoNode(ctx)
		s.event(ctx, pod, "karpenter", "FailedScheduling", words)
		Expect(reconcile(ctx)).To(Equal(5*time.Second), "the room of a pod that has just gone may not be taken yet")
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonNoCapacity)).
			To(Equal("pool spot: " + words))
		Expect(d.Status.Pools[0].CapacityReason).To(Equal(v1alpha1.ReasonNoCapacity))

		s.clock.SetTime(now.Add(5 * time.Second))
		reconcile(ctx)
		wants(ctx, 1, 1)
		s.gone(ctx, pod)
		s.poolBecomes(ctx, "docs-spot", 1)
		s.poolBecomes(ctx, "docs-fixed", 1)
		s.podOf(ctx, "docs-fixed", "c", bound)
		Expect(reconcile(ctx)).To(Equal(30 * time.Minute))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionTrue, v1alpha1.ReasonFallbackActive)).
			To(Equal("replicas on later GPU types: 1; pool spot, tried again at 2026-11-01T12:30:05Z: NoCapacity (" + words + ")"))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		expectKStatus(ctx, d, status.CurrentStatus)

		By("forgetting nothing when the operator restarts")
		restarted := newStory(ctx)
		restarted.namespace, restarted.Tuning = s.namespace, deployment.NoTuning{}
		restarted.clock.SetTime(now.Add(25 * time.Minute))
		s = restarted
		Expect(reconcile(ctx)).To(Equal(5*time.Minute + 5*time.Second))
		wants(ctx, 1, 1)

		By("trying the first type with one pod more")
		s.clock.SetTime(now.Add(30*time.Minute + 5*time.Second))
		reconcile(ctx)
		wants(ctx, 2, 1)
		s.poolBecomes(ctx, "docs-spot", 1)
		probe := s.podOf(ctx, "docs-spot", "d", unschedulable)
		reconcile(ctx)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionTrue, v1alpha1.ReasonFallbackActive)
		expectKStatus(ctx, d, status.CurrentStatus)

		By("moving back when it serves")
		s.gone(ctx, probe)
		s.podOf(ctx, "docs-spot", "e", bound)
		s.poolBecomes(ctx, "docs-spot", 2)
		s.happened()
		Expect(reconcile(ctx)).To(BeZero())
		wants(ctx, 2, 0)
		Expect(s.happened()).To(ContainElement("Normal HoldReleased pool spot: not held back any more: all replicas that belong there fit"))
		s.poolBecomes(ctx, "docs-fixed", 0)
		reconcile(ctx)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionTrue, v1alpha1.ReasonAllScheduled)
		Expect(d.Status.Pools[0].CapacityMessage).To(BeEmpty())
	})

	It("waits its time when the autoscaler's newest word is that a node is on its way", func(ctx SpecContext) {
		pod := oneHasNoNode(ctx)
		s.event(ctx, pod, "cluster-autoscaler", "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached")
		s.event(ctx, pod, "cluster-autoscaler", "TriggeredScaleUp", "pod triggered scale-up: [{spot 1->2 (max: 4)}]")
		Expect(reconcile(ctx)).To(Equal(180 * time.Second))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonUnschedulable)).
			To(ContainSubstring("pod triggered scale-up"))
	})

	It("names a spot interruption until the pods have nodes again", func(ctx SpecContext) {
		s.poolBecomes(ctx, "docs-spot", 2)
		a, b := s.podOf(ctx, "docs-spot", "a", bound), s.podOf(ctx, "docs-spot", "b", bound)
		reconcile(ctx)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionTrue, v1alpha1.ReasonAllScheduled)

		b.Status.Phase = corev1.PodFailed
		b.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByTaintManager"}}
		Expect(env.Client.Status().Update(ctx, b)).To(Succeed())
		waiting := s.podOf(ctx, "docs-spot", "c", unschedulable)
		s.poolBecomes(ctx, "docs-spot", 1)
		reconcile(ctx)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonSpotInterrupted)
		s.gone(ctx, b)
		reconcile(ctx)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonSpotInterrupted)

		s.gone(ctx, waiting)
		s.podOf(ctx, "docs-spot", "d", bound)
		s.poolBecomes(ctx, "docs-spot", 2)
		reconcile(ctx)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionTrue, v1alpha1.ReasonAllScheduled)
		Expect(a.Spec.NodeName).NotTo(BeEmpty())
	})

	It("drops no pod that serves when a limit is lowered: one moves at a time", func(ctx SpecContext) {
		s.poolBecomes(ctx, "docs-spot", 2)
		reconcile(ctx)
		d.Spec.GPUTypes[0].MaxReplicas = ptr.To(int32(0))
		s.applied(ctx, d)
		wants(ctx, 2, 1)
		s.poolBecomes(ctx, "docs-fixed", 1)
		reconcile(ctx)
		wants(ctx, 1, 2)
		s.poolBecomes(ctx, "docs-spot", 1)
		s.poolBecomes(ctx, "docs-fixed", 1)
		reconcile(ctx)
		wants(ctx, 1, 2)
		s.poolBecomes(ctx, "docs-fixed", 2)
		reconcile(ctx)
		wants(ctx, 0, 2)
	})

	It("is not moved by the extra pod of a rollout that finds no node", func(ctx SpecContext) {
		s.podOf(ctx, "docs-spot", "a", bound)
		s.podOf(ctx, "docs-spot", "b", bound)
		s.podOf(ctx, "docs-spot", "surge", unschedulable)
		s.poolBecomes(ctx, "docs-spot", 2)
		Expect(reconcile(ctx)).To(BeZero())
		s.clock.SetTime(now.Add(time.Hour))
		reconcile(ctx)
		wants(ctx, 2, 0)
	})

	It("decides nothing while paused, and remembers what it had decided", func(ctx SpecContext) {
		oneHasNoNode(ctx)
		reconcile(ctx)
		d.Spec.Paused = true
		s.applied(ctx, d)
		s.clock.SetTime(now.Add(time.Hour))
		s.happened()
		Expect(reconcile(ctx)).To(BeZero())
		wants(ctx, 2, 0)
		Expect(d.Status.Pools[0].Placement.HeldReplicas).To(BeNil())
		Expect(s.happened()).NotTo(ContainElement(ContainSubstring("Fallback")))
	})
})

// podOf creates a pod of a pool as the deployment controller would, with a status of the test's choice.
func (s *story) podOf(ctx context.Context, pool, suffix string, edit func(*corev1.Pod)) *corev1.Pod {
	GinkgoHelper()
	template := s.pool(ctx, pool).Spec.Template
	pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: template.Spec}
	pod.Namespace, pod.Name = s.namespace, pool+"-x-"+suffix
	pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "x"
	edit(pod)
	status := pod.Status
	Expect(env.Client.Create(ctx, pod)).To(Succeed())
	pod.Status = status
	Expect(env.Client.Status().Update(ctx, pod)).To(Succeed())
	return pod
}

// bound is a pod that the scheduler gave a node.
func bound(p *corev1.Pod) { p.Spec.NodeName = "node" }

func (s *story) gone(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	Expect(env.Client.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
}

var eventCount int

// event is what a node autoscaler says about a pod; a later one is newer.
func (s *story) event(ctx context.Context, pod *corev1.Pod, component, reason, message string) {
	GinkgoHelper()
	eventCount++
	at := metav1.NewTime(time.Now().Add(time.Duration(eventCount) * time.Second))
	Expect(env.Client.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: s.namespace, Name: fmt.Sprint("event-", eventCount)},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: s.namespace, Name: pod.Name, UID: pod.UID},
		Source:         corev1.EventSource{Component: component}, Reason: reason, Message: message, LastTimestamp: at,
	})).To(Succeed())
}
