package deployment_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/testkit"
)

// upgraded is the next operator, which brings another runtime.
func (s *story) upgraded(ctx context.Context) *story {
	next := newStory(ctx)
	next.namespace, next.Operator.RuntimeImage = s.namespace, nextRuntime
	return next
}

const nextRuntime = "registry.example/aircache@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

func (s *story) image(ctx context.Context, pool string) string {
	GinkgoHelper()
	return s.pool(ctx, pool).Spec.Template.Spec.Containers[0].Image
}

// revisions are those that the API server has.
func (s *story) revisions(ctx context.Context) []appsv1.ControllerRevision {
	GinkgoHelper()
	list := &appsv1.ControllerRevisionList{}
	Expect(env.Client.List(ctx, list, client.InNamespace(s.namespace))).To(Succeed())
	return list.Items
}

var _ = Describe("an upgrade of the operator", func() {
	It("rolls none of 50 objects, and says of each what it would change", func(ctx SpecContext) {
		s := newStory(ctx)
		var objects []*v1alpha1.AirCacheDeployment
		generations := map[string]int64{}
		for i := range 50 {
			d := s.serving(ctx, testkit.Deployment(s.namespace, fmt.Sprintf("docs-%d", i)))
			objects = append(objects, d)
			generations[d.Name] = s.pool(ctx, d.Name+"-cpu").Generation
		}
		next := s.upgraded(ctx)
		var writes []string
		next.Client = countingWrites(&writes)
		for _, d := range objects {
			testkit.ExpectReconciled(ctx, next, d)
			pool := s.pool(ctx, d.Name+"-cpu")
			Expect(pool.Generation).To(Equal(generations[d.Name]), "a Deployment whose spec is as it was replaces no pod")
			Expect(pool.Spec.Template.Spec.Containers[0].Image).To(Equal(testkit.RuntimeImage))
			message := testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionUpgradeAvailable, metav1.ConditionTrue, v1alpha1.ReasonPinned)
			Expect(message).To(HaveSuffix("would change spec.containers[runtime].image: " + testkit.RuntimeImage + " -> " + nextRuntime))
			expectKStatus(ctx, d, status.CurrentStatus)
		}
		Expect(writes).To(HaveLen(50), "one status each, and no child: %v", writes)
		Expect(next.happened()).To(ContainElement(HavePrefix("Normal UpgradeAvailable pool cpu keeps the template of an earlier operator")))

		By("writing nothing the second time")
		writes = nil
		for _, d := range objects {
			testkit.ExpectReconciled(ctx, next, d)
		}
		Expect(writes).To(BeEmpty())
	})

	It("is taken with operatorUpgrade Latest, and kept with Pinned after it", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		next := s.upgraded(ctx)
		testkit.ExpectReconciled(ctx, next, d)
		Expect(s.image(ctx, "docs-cpu")).To(Equal(testkit.RuntimeImage))

		d.Spec.Rollout.OperatorUpgrade = v1alpha1.OperatorUpgradeLatest
		next.applied(ctx, d)
		Expect(s.image(ctx, "docs-cpu")).To(Equal(nextRuntime))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionUpgradeAvailable, metav1.ConditionFalse, v1alpha1.ReasonUpToDate)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRollingOut)

		testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", d)
		d.Spec.Rollout.OperatorUpgrade = v1alpha1.OperatorUpgradePinned
		next.applied(ctx, d)
		Expect(s.image(ctx, "docs-cpu")).To(Equal(nextRuntime))
		testkit.ExpectReconciled(ctx, s, d) // the operator goes back, and the pods stay
		Expect(s.image(ctx, "docs-cpu")).To(Equal(nextRuntime))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionUpgradeAvailable, metav1.ConditionTrue, v1alpha1.ReasonPinned)
	})

	It("is taken with the next change of the pods, and undone when spec goes back", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		before := s.pool(ctx, "docs-cpu").Spec.Template
		next := s.upgraded(ctx)
		d.Spec.Cache.LayerBudget = "Uniform"
		next.applied(ctx, d)
		Expect(s.image(ctx, "docs-cpu")).To(Equal(nextRuntime))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionUpgradeAvailable, metav1.ConditionFalse, v1alpha1.ReasonUpToDate)

		d.Spec.Cache.LayerBudget = ""
		next.applied(ctx, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Template).To(Equal(before))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionUpgradeAvailable, metav1.ConditionTrue, v1alpha1.ReasonPinned)
	})

	It("rolls nothing after somebody deleted the kept template, which comes back", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		before := s.pool(ctx, "docs-cpu")
		Expect(s.revisions(ctx)).To(ConsistOf(HaveField("Revision", BeEquivalentTo(1))))
		deleteRevisions := func() {
			for _, r := range s.revisions(ctx) {
				Expect(metav1.IsControlledBy(&r, d)).To(BeTrue())
				Expect(env.Client.Delete(ctx, &r)).To(Succeed())
			}
		}

		By("with the same operator, which makes the same bytes again")
		kept := s.revisions(ctx)[0].Data
		deleteRevisions()
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.revisions(ctx)).To(ConsistOf(HaveField("Data", Equal(kept))))

		By("with the next one, which reads the Deployment")
		deleteRevisions()
		next := s.upgraded(ctx)
		testkit.ExpectReconciled(ctx, next, d)
		Expect(s.revisions(ctx)).To(HaveLen(1))
		Expect(s.pool(ctx, "docs-cpu").Spec).To(Equal(before.Spec))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionUpgradeAvailable, metav1.ConditionTrue, v1alpha1.ReasonPinned)

		By("writing nothing from then on")
		var writes []string
		next.Client = countingWrites(&writes)
		testkit.ExpectReconciled(ctx, next, d)
		Expect(writes).To(BeEmpty())
	})

	It("leaves a short history behind many changes", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		for i := range 6 {
			d.Spec.Runtime.Image = fmt.Sprintf("registry.example/aircache:%d", i)
			s.serving(ctx, d)
		}
		var numbers []int64
		for _, r := range s.revisions(ctx) {
			numbers = append(numbers, r.Revision)
		}
		Expect(numbers).To(ConsistOf(BeEquivalentTo(7), BeEquivalentTo(6), BeEquivalentTo(5)), "the one in use and two to go back to")
	})
})
