package deployment_test

import (
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
			"Normal Created created Deployment docs-cpu", "Normal Created created Service docs", "Normal NotServing 0 of 1 pods are ready"))
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
		Expect(s.happened()).To(ContainElements("Normal Updated updated Deployment docs-cpu", HavePrefix("Warning ImageByTag runtime.image ")))

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
		for _, child := range []client.Object{s.pool(ctx, "docs-cpu"),
			testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", &corev1.Service{}),
			testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-tuning", &corev1.ConfigMap{}),
		} {
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
		Expect(d.Status.DesiredReplicas).To(BeEquivalentTo(5))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotServing)).
			To(Equal("0 of 5 pods are ready; gpuTypes[].maxReplicas leaves no room for 1 more"))
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

	It("stays as it is while paused", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		d.Spec.Paused, d.Spec.Replicas = true, ptr.To(int32(4))
		s.applied(ctx, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPaused)
		d.Spec.Paused = false
		s.applied(ctx, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(4)))
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
