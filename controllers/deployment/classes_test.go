package deployment_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/testkit"
)

var _ = Describe("a GPU class", func() {
	It("expects products, and pods that find another one serve on while a condition names both", func(ctx SpecContext) {
		s := newStory(ctx)
		class := testkit.GPUClass("named-"+s.namespace, func(c *v1alpha1.GPUClass) { c.Spec.ExpectedProducts = []string{"NVIDIA-L40S"} })
		Expect(env.Client.Create(ctx, class)).To(Succeed())
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithTypes(testkit.ClassType("l40s", class.Name))))
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionUnexpectedProduct)
		before := s.pool(ctx, "docs-l40s").ResourceVersion
		reports := func(product string) {
			s.tuning.decide(d, deployment.TuningResult{Pools: map[string]deployment.PoolResult{"l40s": {Product: product}}})
			testkit.ExpectReconciled(ctx, s, d)
		}

		reports("NVIDIA L40S")
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionUnexpectedProduct)
		s.happened()
		reports("NVIDIA L40S, Tesla T4")
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionUnexpectedProduct, metav1.ConditionTrue, v1alpha1.ReasonProductMismatch)).
			To(Equal(`pool l40s: pods run on "Tesla T4", while GPUClass ` + class.Name + ` expects "NVIDIA-L40S"`))
		Expect(s.happened()).To(ConsistOf(HavePrefix("Warning ProductMismatch")))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		expectKStatus(ctx, d, status.CurrentStatus)
		Expect(s.pool(ctx, "docs-l40s").ResourceVersion).To(Equal(before), "nothing is done to the pods")

		reports("NVIDIA L40S")
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionUnexpectedProduct)
	})
})

var _ = Describe("placement.strategy Any", func() {
	any := func(d *v1alpha1.AirCacheDeployment) { d.Spec.Placement.Strategy = v1alpha1.PlacementAny }

	It("makes one Deployment for all types, with the highest of their retention floors", func(ctx SpecContext) {
		s := newStory(ctx)
		first, second := testkit.GPUClass("first-"+s.namespace), testkit.GPUClass("second-"+s.namespace, func(c *v1alpha1.GPUClass) {
			c.Spec.MinRetentionPercent = ptr.To(int32(40))
		})
		Expect(env.Client.Create(ctx, first)).To(Succeed())
		Expect(env.Client.Create(ctx, second)).To(Succeed())
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs", any, testkit.WithReplicas(3),
			testkit.WithTypes(testkit.ClassType("l40s", first.Name), testkit.ClassType("a100", second.Name))))

		all := &appsv1.DeploymentList{}
		Expect(env.Client.List(ctx, all)).To(Succeed())
		Expect(all.Items).To(ContainElement(HaveField("Name", "docs-any")))
		Expect(s.pool(ctx, "docs-any").Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-l40s", &appsv1.Deployment{})
		pod := s.pool(ctx, "docs-any").Spec.Template.Spec
		Expect(pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms).To(HaveLen(2))
		Expect(pod.Containers[0].Args).To(ContainElements("--pool=any", "--retention-floor-permille=400"))
		Expect(testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-tuning", &corev1.ConfigMap{}).Data).To(HaveKey("any.json"))
		Expect(d.Status.Pools).To(ConsistOf(HaveField("Name", "any")))

		s.poolBecomes(ctx, "docs-any", 3)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		expectKStatus(ctx, d, status.CurrentStatus)
	})

	It("takes over from Ordered without a gap", func(ctx SpecContext) {
		s := newStory(ctx)
		types := testkit.WithTypes(testkit.CPUType("a"), testkit.CPUType("b"))
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", types))
		any(d)
		s.applied(ctx, d)
		s.pool(ctx, "docs-a")
		s.poolBecomes(ctx, "docs-any", 1)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-a", &appsv1.Deployment{})
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
	})

	It("refuses types whose GPUs no single pod can ask for", func(ctx SpecContext) {
		s := newStory(ctx)
		green, red := testkit.GPUClass("green-"+s.namespace), testkit.GPUClass("red-"+s.namespace, func(c *v1alpha1.GPUClass) {
			c.Spec.ResourceName = "amd.com/gpu"
		})
		Expect(env.Client.Create(ctx, green)).To(Succeed())
		Expect(env.Client.Create(ctx, red)).To(Succeed())
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs", any,
			testkit.WithTypes(testkit.ClassType("green", green.Name), testkit.ClassType("red", red.Name))))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidPlacement)).
			To(ContainSubstring("gpuTypes[green] counts nvidia.com/gpu and gpuTypes[red] counts amd.com/gpu"))
	})
})
