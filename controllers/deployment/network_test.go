package deployment_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/testkit"
)

var _ = Describe("the pods' guards", func() {
	policy := func(ctx SpecContext, s *story) *networkingv1.NetworkPolicy {
		GinkgoHelper()
		return testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-pods", &networkingv1.NetworkPolicy{})
	}

	It("let in whom spec and the installation allow, and are repaired when somebody opens them", func(ctx SpecContext) {
		s := newStory(ctx)
		s.Operator.Namespace, s.Operator.AllowFrom = "aircache-system", []string{"monitoring"}
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Network.AllowFromNamespaceLabels = map[string]string{"team": "vision"}
		}))
		p := policy(ctx, s)
		Expect(metav1.IsControlledBy(p, d)).To(BeTrue())
		before := p.Spec.DeepCopy()
		Expect(before.Ingress[0].From).To(HaveLen(3))

		p.Spec.Ingress[0].Ports = append(p.Spec.Ingress[0].Ports, networkingv1.NetworkPolicyPort{Port: ptr.To(intstr.FromInt32(9443))})
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
		Expect(env.Client.Update(ctx, p)).To(Succeed())
		s.happened()
		testkit.ExpectReconciled(ctx, s, d)
		Expect(policy(ctx, s).Spec).To(Equal(*before))
		Expect(s.happened()).To(ConsistOf("Normal Repaired repaired NetworkPolicy docs-pods: someone had changed it"))
	})

	It("are taken away with network.policy Off, and a pause says that they wait to be", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		policy(ctx, s)
		d.Spec.Network.Policy, d.Spec.Paused = v1alpha1.NetworkOff, true
		s.applied(ctx, d)
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonPaused)).
			To(HaveSuffix("NetworkPolicy docs-pods"))
		d.Spec.Paused = false
		s.happened()
		s.applied(ctx, d)
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-pods", &networkingv1.NetworkPolicy{})
		Expect(s.happened()).To(ContainElement("Normal Opened deleted NetworkPolicy docs-pods: network.policy is Off"))
	})

	It("keep a name that somebody else holds as it is, and say so", func(ctx SpecContext) {
		s := newStory(ctx)
		foreign := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "docs-pods"},
			Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr.To(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{}}}
		Expect(env.Client.Create(ctx, foreign)).To(Succeed())
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs"))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)).
			To(ContainSubstring("PodDisruptionBudget docs-pods"))
		Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(foreign), foreign)).To(Succeed())
		Expect(foreign.Labels).To(BeEmpty())
	})

	It("let the last pod of an object go, for its node must be drainable", func(ctx SpecContext) {
		s := newStory(ctx)
		s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		budget := testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-pods", &policyv1.PodDisruptionBudget{})
		Expect(intstr.GetScaledValueFromIntOrPercent(budget.Spec.MaxUnavailable, 1, true)).To(Equal(1), "as the disruption controller rounds")
		Expect(intstr.GetScaledValueFromIntOrPercent(budget.Spec.MaxUnavailable, 11, true)).To(Equal(2))
		Expect(budget.Spec.UnhealthyPodEvictionPolicy).To(HaveValue(Equal(policyv1.AlwaysAllow)))
	})
})
