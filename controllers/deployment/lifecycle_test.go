package deployment_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/testkit"
)

var _ = Describe("an object", func() {
	It("becomes a Deployment, a Service and a ConfigMap that it owns, and is Ready when the pods are", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs"))

		for _, child := range []client.Object{
			s.pool(ctx, "docs-cpu"),
			testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", &corev1.Service{}),
			testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-tuning", &corev1.ConfigMap{}),
		} {
			Expect(metav1.IsControlledBy(child, d)).To(BeTrue(), child.GetName())
		}
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(1)), "one pod when replicas is left out")
		Expect(s.happened()).To(ContainElements(
			"Normal Created created ConfigMap docs-tuning, Service docs, PodDisruptionBudget docs-pods, NetworkPolicy docs-pods, Deployment docs-cpu",
			"Normal NotServing 0 of 1 pods are ready"))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonScaling)
		expectKStatus(ctx, d, status.InProgressStatus)

		s.poolBecomes(ctx, "docs-cpu", 0)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotServing)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonLoadingModel)

		s.poolBecomes(ctx, "docs-cpu", 1)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionStalled)
		expectKStatus(ctx, d, status.CurrentStatus)
		Expect(d.Status.URL).To(Equal("http://docs." + s.namespace + ".svc"))
		Expect(d.Status.ModelDigest).To(HavePrefix("sha256:aaaa"))
		Expect(d.Status.Retention).To(Equal("100%"))
		Expect(s.happened()).To(ConsistOf("Normal Available 1 of 1 pods are ready"))
	})

	It("is not Current for a moment after a change, and rolls the pods", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))

		d.Spec.Runtime.Image = "registry.example/aircache:next"
		s.applied(ctx, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Template.Spec.Containers[0].Image).To(Equal("registry.example/aircache:next"))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRollingOut)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		expectKStatus(ctx, d, status.InProgressStatus)
		Expect(s.happened()).To(ContainElements("Normal Updated updated Deployment docs-cpu", HavePrefix("Warning ImageByTag a tag names runtime.image registry.example/aircache:next")))

		s.poolBecomes(ctx, "docs-cpu", 1)
		testkit.ExpectReconciled(ctx, s, d)
		expectKStatus(ctx, d, status.CurrentStatus)

		s.happened()
		d.Spec.Replicas = ptr.To(int32(2))
		s.applied(ctx, d)
		Expect(s.happened()).NotTo(ContainElement(ContainSubstring("ImageByTag")), "an image is warned of once")
	})

	It("leaves when it is deleted, for it has no finalizer", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		Expect(d.Finalizers).To(BeEmpty())
		Expect(env.Client.Delete(ctx, d)).To(Succeed())
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs", &v1alpha1.AirCacheDeployment{})
		testkit.ExpectReconciled(ctx, s, d)
		for _, child := range s.children(ctx, d) {
			Expect(child.GetOwnerReferences()).To(ConsistOf(HaveField("UID", d.UID)), "the garbage collector takes %s", child.GetName())
		}
	})

	It("is scaled through the scale subresource, and idles at zero", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 3}}
		Expect(env.Client.SubResource("scale").Update(ctx, d, client.WithSubResourceBody(scale))).To(Succeed())
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
		s.poolBecomes(ctx, "docs-cpu", 2)
		testkit.ExpectReconciled(ctx, s, d)
		message := testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonDegraded)
		Expect(message).To(Equal("2 of 3 pods are ready"))

		Expect(env.Client.SubResource("scale").Get(ctx, d, scale)).To(Succeed())
		Expect(scale.Status.Replicas).To(BeEquivalentTo(3))
		Expect(scale.Spec.Replicas).To(BeEquivalentTo(3))
		Expect(scale.Status.Selector).To(Equal("aircache.dev/deployment=docs,app.kubernetes.io/name=aircache"))

		d.Spec.Replicas = ptr.To(int32(0))
		s.applied(ctx, d)
		s.poolBecomes(ctx, "docs-cpu", 0)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonIdle)
		expectKStatus(ctx, d, status.CurrentStatus)
	})

	It("fills its GPU types in order and says what no type may take", func(ctx SpecContext) {
		s := newStory(ctx)
		first, second := testkit.CPUType("first"), testkit.CPUType("second")
		first.MaxReplicas, second.MaxReplicas = ptr.To(int32(2)), ptr.To(int32(3))
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithTypes(first, second), testkit.WithReplicas(6)))
		Expect(s.pool(ctx, "docs-first").Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
		Expect(s.pool(ctx, "docs-second").Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
		Expect(d.Status.DesiredReplicas).To(BeEquivalentTo(6))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotServing)).
			To(Equal("0 of 6 pods are ready; gpuTypes[].maxReplicas leaves no room for 1"))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionUnknown, v1alpha1.ReasonUnknown)

		s.poolBecomes(ctx, "docs-first", 2)
		s.poolBecomes(ctx, "docs-second", 3)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonDegraded)).
			To(Equal("5 of 6 pods are ready; gpuTypes[].maxReplicas leaves no room for 1"), "one that was asked for is missing")
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionTrue, v1alpha1.ReasonAllScheduled)
		expectKStatus(ctx, d, status.CurrentStatus)
	})

	It("loses the pool of a GPU type that left its spec, and nothing else", func(ctx SpecContext) {
		s := newStory(ctx)
		other := s.serving(ctx, testkit.Deployment(s.namespace, "other", testkit.WithTypes(testkit.CPUType("b"))))
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithTypes(testkit.CPUType("a"), testkit.CPUType("b"))))
		s.happened()
		d.Spec.GPUTypes = d.Spec.GPUTypes[:1]
		s.applied(ctx, d)
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-b", &appsv1.Deployment{})
		s.pool(ctx, "docs-a")
		s.pool(ctx, other.Name+"-b")
		Expect(d.Status.Pools).To(ConsistOf(HaveField("Name", "a")))
		Expect(testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-tuning", &corev1.ConfigMap{}).Data).To(And(HaveKey("a.json"), Not(HaveKey("b.json"))))
		Expect(s.happened()).To(ContainElement("Normal PoolRemoved deleted Deployment docs-b: its GPU type is not in spec any more"))
	})

	It("keeps the pool of a GPU type that left its spec until the one in its place serves", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithTypes(testkit.CPUType("old"))))
		d.Spec.GPUTypes = []v1alpha1.GPUType{testkit.CPUType("new")}
		s.applied(ctx, d)
		s.pool(ctx, "docs-old")
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonDegraded)).
			To(Equal("0 of 1 pods are ready; pods of GPU types that left spec still serve: 1"))
		expectKStatus(ctx, d, status.InProgressStatus)

		s.podWith(ctx, "docs-old", func(*corev1.Pod) {})
		s.poolBecomes(ctx, "docs-new", 1)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-old", &appsv1.Deployment{})
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonDraining)
		expectKStatus(ctx, d, status.InProgressStatus)

		Expect(env.Client.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "docs-old-x"}}, client.GracePeriodSeconds(0))).To(Succeed())
		testkit.ExpectReconciled(ctx, s, d)
		expectKStatus(ctx, d, status.CurrentStatus)
	})

	It("replaces a GPU type pod by pod where the new ones find no node beside the old", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithTypes(testkit.CPUType("old")), testkit.WithReplicas(3)))
		d.Spec.GPUTypes = []v1alpha1.GPUType{testkit.CPUType("new")}
		s.applied(ctx, d)
		s.happened()
		s.poolBecomes(ctx, "docs-new", 0)
		s.podWith(ctx, "docs-new", func(p *corev1.Pod) {
			unschedulable(p)
			p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now)
		})
		Expect(testkit.ExpectReconciled(ctx, s, d).RequeueAfter).To(Equal(5*time.Minute), "rollout.surgeTimeoutSeconds")
		Expect(s.pool(ctx, "docs-old").Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))

		s.clock.SetTime(now.Add(5 * time.Minute))
		old := func(replicas int) {
			GinkgoHelper()
			for range 2 { // once it decided, it stays with it
				testkit.ExpectReconciled(ctx, s, d)
				Expect(s.pool(ctx, "docs-old").Spec.Replicas).To(HaveValue(BeEquivalentTo(replicas)))
			}
			s.poolBecomes(ctx, "docs-old", int32(replicas))
		}
		old(2)
		Expect(s.happened()).To(Equal([]string{
			"Normal MakingRoom Deployment docs-old keeps 2 pods: its GPU type is not in spec any more, and a pod in their place finds no node"}))
		s.poolBecomes(ctx, "docs-new", 1)
		old(1)
		s.poolBecomes(ctx, "docs-new", 2)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-old", &appsv1.Deployment{})
	})

	It("makes a Deployment that was deleted anew once its pods go, or when nobody collects them", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		s.podWith(ctx, "docs-cpu", func(pod *corev1.Pod) {
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		})
		Expect(env.Client.Delete(ctx, s.pool(ctx, "docs-cpu"), client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		gone := s.pool(ctx, "docs-cpu") // no controller runs here that would take the finalizer
		gone.Finalizers = nil
		Expect(env.Client.Update(ctx, gone)).To(Succeed())
		Expect(testkit.ExpectReconciled(ctx, s, d).RequeueAfter).To(Equal(2 * time.Minute))
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-cpu", &appsv1.Deployment{})
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonScaling)).
			To(Equal("pool cpu: its Deployment was deleted and is made anew when the pods that it had go: 1"))
		d = testkit.ExpectExists(ctx, env.Client, d.Namespace, d.Name, d)
		Expect(d.Status).To(And(HaveField("Replicas", BeEquivalentTo(1)), HaveField("ReadyReplicas", BeEquivalentTo(1))))

		s.clock.SetTime(now.Add(2 * time.Minute))
		testkit.ExpectReconciled(ctx, s, d)
		s.poolBecomes(ctx, "docs-cpu", 1)
		testkit.ExpectReconciled(ctx, s, d)

		Expect(env.Client.Delete(ctx, s.pool(ctx, "docs-cpu"), client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-cpu", &appsv1.Deployment{})
		Expect(env.Client.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "docs-cpu-x"}}, client.GracePeriodSeconds(0))).To(Succeed())
		testkit.ExpectReconciled(ctx, s, d)
		s.pool(ctx, "docs-cpu")
	})

	It("gives up the one pod of a GPU type that left its spec when the new one finds no node", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithTypes(testkit.CPUType("old"))))
		d.Spec.GPUTypes = []v1alpha1.GPUType{testkit.CPUType("new")}
		s.applied(ctx, d)
		s.poolBecomes(ctx, "docs-new", 0)
		s.podWith(ctx, "docs-new", unschedulable)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-old", &appsv1.Deployment{})
	})

	It("stays as it is while paused, and says what it does not do", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		s.tuning.decide(d, lowered(500, 2, now))
		testkit.ExpectReconciled(ctx, s, d)
		d.Spec.Paused = true
		s.applied(ctx, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPaused)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionTuningActive, metav1.ConditionFalse, v1alpha1.ReasonHeld)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionMetricsAvailable, metav1.ConditionUnknown, v1alpha1.ReasonUnknown)
		expectKStatus(ctx, d, status.CurrentStatus)

		d.Spec.Runtime.Image = "registry.example/aircache:next"
		s.applied(ctx, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Template.Spec.Containers[0].Image).To(Equal(testkit.RuntimeImage))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonPaused)).
			To(Equal("spec.paused is true; not yet what spec says: Deployment docs-cpu"))
		expectKStatus(ctx, d, status.InProgressStatus)

		d.Spec.Paused = false
		s.applied(ctx, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Template.Spec.Containers[0].Image).To(Equal(d.Spec.Runtime.Image))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionTuningActive, metav1.ConditionTrue, v1alpha1.ReasonAdjusting)
	})
})

var _ = Describe("a rendered pod", func() {
	It("is accepted under the restricted pod security standard", func(ctx SpecContext) {
		s := newStory(ctx)
		claim := testkit.Deployment(s.namespace, "claim", func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Model.Image, d.Spec.Model.PVC = nil, &v1alpha1.PVCSource{ClaimName: "models", SubPath: "tiny"}
		})
		for _, d := range []*v1alpha1.AirCacheDeployment{testkit.Deployment(s.namespace, "image"), claim} {
			s.applied(ctx, d)
			template := s.pool(ctx, d.Name+"-cpu").Spec.Template
			pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
			pod.Namespace, pod.Name = s.namespace, d.Name
			Expect(env.Client.Create(ctx, pod, client.DryRunAll)).To(Succeed())

			pod.Spec.SecurityContext.RunAsNonRoot, pod.ResourceVersion, pod.UID = ptr.To(false), "", ""
			Expect(env.Client.Create(ctx, pod, client.DryRunAll)).To(MatchError(ContainSubstring("violates PodSecurity")), "the namespace does enforce it")
		}
	})
})
