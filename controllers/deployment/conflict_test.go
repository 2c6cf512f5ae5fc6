package deployment_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/testkit"
)

// hpa is the field manager of the real controller of HPAs.
const hpa = "kube-controller-manager"

var _ = Describe("an autoscaler that was pointed at a child", func() {
	It("keeps the replicas that it sets, which is told once, and everything else stays the operator's", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		s.happened()

		s.scaled(ctx, "docs-cpu", hpa, 5)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(5)))
		message := "kube-controller-manager sets the replicas of Deployment docs-cpu to 5, where 1 are meant; they are left so. Let the " +
			"autoscaler scale AirCacheDeployment docs instead, and then take its word back: kubectl scale -n " + s.namespace + " deployment docs-cpu --replicas=1"
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionAutoscalerConflict, metav1.ConditionTrue, v1alpha1.ReasonReplicasContested)).To(Equal(message))
		Expect(s.happened()).To(ContainElement("Warning ReplicasContested " + message))
		Expect(testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", d).Status.Pools[0].DesiredReplicas).To(BeEquivalentTo(1), "what is meant")

		s.poolBecomes(ctx, "docs-cpu", 5)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		expectKStatus(ctx, d, status.CurrentStatus)
		s.happened()

		var writes []string
		reader := s.Client
		s.Client = countingWrites(&writes)
		for range 5 {
			testkit.ExpectReconciled(ctx, s, d)
		}
		Expect(writes).To(BeEmpty(), "nothing is left to do")
		Expect(s.happened()).To(BeEmpty())
		s.Client = reader

		d.Spec.Lifecycle.DrainSeconds = ptr.To(int32(30))
		pool := s.pool(ctx, "docs-cpu")
		pool.Spec.Template.Spec.Containers[0].Args = nil
		Expect(env.Client.Update(ctx, pool)).To(Succeed())
		s.applied(ctx, d)
		pool = s.pool(ctx, "docs-cpu")
		Expect(pool.Spec.Replicas).To(HaveValue(BeEquivalentTo(5)))
		Expect(pool.Spec.Template.Spec.TerminationGracePeriodSeconds).To(HaveValue(BeEquivalentTo(45)))
		Expect(pool.Spec.Template.Spec.Containers[0].Args).NotTo(BeEmpty())
	})

	It("loses its word when somebody decides anew: spec, or kubectl scale", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		s.scaled(ctx, "docs-cpu", hpa, 5)
		testkit.ExpectReconciled(ctx, s, d)

		d.Spec.Replicas = ptr.To(int32(3))
		s.applied(ctx, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionAutoscalerConflict)

		s.scaled(ctx, "docs-cpu", hpa, 2) // it is still there
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionAutoscalerConflict, metav1.ConditionTrue, v1alpha1.ReasonReplicasContested)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))

		s.scaled(ctx, "docs-cpu", "kubectl", 3)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionAutoscalerConflict)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))

		d.Spec.Replicas = ptr.To(int32(4)) // a word that it once had is in nobody's way
		s.applied(ctx, d)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(4)))
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionAutoscalerConflict)
	})

	It("is not a person: kubectl scale and an edit are repaired", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		s.happened()
		s.scaled(ctx, "docs-cpu", "kubectl", 5)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))

		pool := s.pool(ctx, "docs-cpu")
		pool.Spec.Replicas = ptr.To(int32(7))
		Expect(env.Client.Update(ctx, pool, client.FieldOwner("some-console"))).To(Succeed())
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		Expect(s.happened()).To(Equal([]string{
			"Normal Repaired repaired Deployment docs-cpu: someone had changed it", "Normal Repaired repaired Deployment docs-cpu: someone had changed it",
		}))
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionAutoscalerConflict)
	})

	It("is not left a field that the operator took meanwhile, which would be set to its default", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithReplicas(2)))
		s.scaled(ctx, "docs-cpu", hpa, 5)
		old := s.pool(ctx, "docs-cpu")
		d.Spec.Replicas = ptr.To(int32(3))
		s.applied(ctx, d)

		reader := s.Client
		s.Client = remembering(old)
		Expect(testkit.ExpectReconciled(ctx, s, d).RequeueAfter).To(BeNumerically(">", 0), "what it read was old")
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
		s.Client = reader
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionAutoscalerConflict)
	})
})

// scaled sets replicas through /scale, as autoscalers and kubectl scale do.
func (s *story) scaled(ctx context.Context, name, manager string, replicas int32) {
	GinkgoHelper()
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
	Expect(env.Client.SubResource("scale").Update(ctx, s.pool(ctx, name), client.WithSubResourceBody(scale), client.FieldOwner(manager))).To(Succeed())
}

// remembering is a client that still sees a Deployment as it was, as a cache may.
func remembering(old *appsv1.Deployment) client.Client {
	GinkgoHelper()
	c, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Client.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return interceptor.NewClient(c, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			err := c.List(ctx, list, opts...)
			if deployments, ok := list.(*appsv1.DeploymentList); ok && err == nil {
				deployments.Items = []appsv1.Deployment{*old.DeepCopy()}
			}
			return err
		},
	})
}
