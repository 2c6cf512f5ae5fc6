package deployment_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/testkit"
)

// recommending is the tuner's word on how many pods the pool cpu should have, where it is to have some number.
func recommending(replicas, insteadOf int32) deployment.TuningResult {
	return deployment.TuningResult{Pools: map[string]deployment.PoolResult{"cpu": {
		Tuning: v1alpha1.PoolTuning{TargetPermille: 1000, Revision: 1, Epoch: 1, RecommendedReplicas: replicas}, SaidOfReplicas: insteadOf,
	}}}
}

var _ = Describe("managed replicas", func() {
	managed := func(minimum, maximum int32) func(*v1alpha1.AirCacheDeployment) {
		return func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Replicas = nil
			d.Spec.Autoscaling = &v1alpha1.AutoscalingSpec{Mode: v1alpha1.AutoscalingManaged, MinReplicas: &minimum, MaxReplicas: &maximum}
		}
	}

	It("follow the tuner within their bounds, tell so, and never write spec", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", managed(1, 4)))
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		generation := d.Generation
		s.happened()

		s.tuning.decide(d, recommending(3, 1))
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
		Expect(testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", d).Status.DesiredReplicas).To(BeEquivalentTo(3))
		Expect(s.happened()).To(ContainElement("Normal ScaledOut replicas 1 -> 3, as the tuner recommends within 1 to 4"))

		s.tuning.decide(d, recommending(9, 3))
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(4)), "maxReplicas")

		s.poolBecomes(ctx, "docs-cpu", 4)
		s.tuning.decide(d, recommending(2, 4))
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
		Expect(s.happened()).To(ContainElement("Normal ScaledIn replicas 4 -> 2, as the tuner recommends within 1 to 4"))
		Expect(testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", d).Generation).To(Equal(generation))
		Expect(d.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)), "the default, which does not count")
	})

	It("do not follow what the tuner said of another number of pods", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", managed(1, 9)))
		s.tuning.decide(d, recommending(6, 3)) // before two of them moved to another type
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		s.tuning.decide(d, recommending(2, 1))
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
	})

	It("start from the least, and are remembered by status when the operator starts anew", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", managed(2, 5)))
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
		s.tuning.decide(d, recommending(4, 2))
		testkit.ExpectReconciled(ctx, s, d)

		s.tuning.decide(d, deployment.TuningResult{})
		testkit.ExpectReconciled(ctx, s, d)
		Expect(s.pool(ctx, "docs-cpu").Spec.Replicas).To(HaveValue(BeEquivalentTo(4)))
	})

	It("do not grow with the extra pod of a move between GPU types", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs", managed(2, 5), testkit.WithTypes(testkit.CPUType("a"), testkit.CPUType("b"))))
		d.Spec.GPUTypes[0].MaxReplicas = ptr.To(int32(0))
		s.applied(ctx, d)
		for range 3 { // each one sees what the one before wrote
			testkit.ExpectReconciled(ctx, s, d)
		}
		Expect(s.pool(ctx, "docs-a").Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
		Expect(s.pool(ctx, "docs-b").Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		Expect(testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", d).Status.DesiredReplicas).To(BeEquivalentTo(2))
	})
})
