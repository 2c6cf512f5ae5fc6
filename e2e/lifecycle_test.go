//go:build e2e

package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/e2e/harness"
)

var _ = Describe("An AirCacheDeployment of the tiny model", Ordered, func() {
	var (
		object *v1alpha1.AirCacheDeployment
		key    client.ObjectKey
	)

	refresh := func(ctx context.Context) { GinkgoHelper(); Expect(cluster.Get(ctx, key, object)).To(Succeed()) }
	isReady := func(ctx context.Context) bool {
		refresh(ctx)
		ready := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Status == "True" && ready.ObservedGeneration == object.Generation &&
			meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReconciling) == nil
	}
	pods := func(ctx context.Context) []corev1.Pod {
		GinkgoHelper()
		list, err := cluster.RuntimePods(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		return list
	}
	apply := func(ctx context.Context, change func(*v1alpha1.AirCacheDeployment)) {
		GinkgoHelper()
		wanted, err := harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		wanted.Namespace = testNamespace
		wanted.Spec.Model.Image.Reference = fromEnv("E2E_MODEL_IMAGE")
		change(wanted)
		Expect(cluster.Apply(ctx, wanted)).To(Succeed())
		object, key = wanted, client.ObjectKeyFromObject(wanted)
	}
	retention := func(ctx context.Context) int32 {
		observed, err := cluster.Observe(ctx, key)
		if err != nil {
			return -1
		}
		return observed.RetentionPermille
	}
	fixedAt := func(percent int32, others ...func(*v1alpha1.AirCacheDeployment)) func(*v1alpha1.AirCacheDeployment) {
		return func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Tuning.Mode = v1alpha1.TuningFixed
			d.Spec.Cache.Retention.Percent = ptr.To(percent)
			for _, other := range others {
				other(d)
			}
		}
	}
	server := func() ask.Client {
		model := object.Spec.Model.ServedName
		if model == "" {
			model = object.Name
		}
		return ask.Client{HTTP: cluster.HTTP(), URL: cluster.ServiceURL(key.Namespace, key.Name, ""), Model: model}
	}

	It("becomes Ready", func(ctx context.Context) {
		apply(ctx, fixedAt(100))
		Eventually(isReady).WithContext(ctx).Should(BeTrue())
		Expect(object.Status.ReadyReplicas).To(BeEquivalentTo(1))
		Expect(object.Status.URL).NotTo(BeEmpty())
	})

	It("answers questions about pictures correctly through its Service", func(ctx context.Context) {
		questions, err := ask.Load(inRepository("models/aircache-tiny-samples"))
		Expect(err).NotTo(HaveOccurred())
		right := 0
		for _, q := range questions {
			answer, err := server().Ask(ctx, q, 64)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.VisualTokensKept).To(Equal(answer.VisualTokens), "retention is 100 %%")
			if q.Right(answer.Text) {
				right++
			} else {
				GinkgoWriter.Printf("%s %q: %q, truth %q\n", q.Picture, q.Text, answer.Text, q.Expected)
			}
		}
		Expect(float64(right)/float64(len(questions))).To(BeNumerically(">=", 0.9), "%d of %d answers are right", right, len(questions))
	})

	It("writes nothing when the same manifest is applied again", func(ctx context.Context) {
		refresh(ctx)
		before := object.ResourceVersion
		apply(ctx, fixedAt(100))
		refresh(ctx)
		Expect(object.ResourceVersion).To(Equal(before))
	})

	It("changes the retention live, without a restart", func(ctx context.Context) {
		before := pods(ctx)
		apply(ctx, fixedAt(20))
		Eventually(retention).WithContext(ctx).Should(BeEquivalentTo(200))
		Expect(harness.SamePods(before, pods(ctx))).To(BeTrue(), "a retention is never a reason to replace pods")
		Expect(harness.Restarts(pods(ctx))).To(BeZero())

		questions, err := ask.Load(inRepository("models/aircache-tiny-samples"))
		Expect(err).NotTo(HaveOccurred())
		answer, err := server().Ask(ctx, questions[0], 64)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.RetentionPermille).To(Equal(200))
		Expect(answer.KVBytesKept).To(BeNumerically("<", answer.KVBytesFull))
		Eventually(func(ctx context.Context) int32 { refresh(ctx); return object.Status.Pools[0].Tuning.AckedReplicas }).
			WithContext(ctx).Should(BeEquivalentTo(1))
	})

	It("rolls its pods when the spec asks for other pods", func(ctx context.Context) {
		before := pods(ctx)
		apply(ctx, fixedAt(20, func(d *v1alpha1.AirCacheDeployment) { d.Spec.Lifecycle.DrainSeconds = ptr.To[int32](7) }))
		Eventually(func(ctx context.Context) bool {
			now := pods(ctx)
			return len(now) == 1 && !harness.SamePods(before, now) && isReady(ctx)
		}).WithContext(ctx).Should(BeTrue())
		Eventually(retention).WithContext(ctx).Should(BeEquivalentTo(200), "the new pod starts with the tuned value")
	})

	It("tells how well another policy's answers agree with the full cache", func(ctx context.Context) {
		before := pods(ctx)
		apply(ctx, fixedAt(20, func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Lifecycle.DrainSeconds = ptr.To[int32](7)
			d.Spec.Cache.Policy = v1alpha1.PolicySnapKV
			d.Spec.Quality.ShadowSamplePermille = ptr.To[int32](1000)
		}))
		Eventually(func(ctx context.Context) bool {
			now := pods(ctx)
			return len(now) == 1 && !harness.SamePods(before, now) && isReady(ctx)
		}).WithContext(ctx).Should(BeTrue())
		Eventually(retention).WithContext(ctx).Should(BeEquivalentTo(200))

		questions, err := ask.Load(inRepository("models/aircache-tiny-samples"))
		Expect(err).NotTo(HaveOccurred())
		for _, q := range questions {
			answer, err := server().Ask(ctx, q, 64)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.RetentionPermille).To(Equal(200))
		}
		quality := func(ctx context.Context) v1alpha1.PoolQuality { refresh(ctx); return object.Status.Pools[0].Quality }
		Eventually(func(ctx context.Context) int32 { return quality(ctx).ComparedRequests }).WithContext(ctx).Should(BeNumerically(">=", 20))
		Expect(quality(ctx).AgreementPermille).To(BeNumerically(">", 500))
		Expect(quality(ctx).RecallPermille).To(And(BeNumerically(">", 0), BeNumerically("<", 1000)))
		Expect(object.Status.Quality).To(ContainSubstring("agreement"))
		Expect(meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionQualityHealthy)).NotTo(BeNil())
	})

	It("keeps the tuned value when the operator is killed", func(ctx context.Context) {
		refresh(ctx)
		before := object.Status.Pools[0].Tuning
		for _, pod := range operatorPods(ctx) {
			Expect(cluster.Delete(ctx, &pod, client.GracePeriodSeconds(0))).To(Succeed())
		}
		Eventually(func(ctx context.Context) bool { return operatorIsBack(ctx) }).WithContext(ctx).Should(BeTrue())
		apply(ctx, fixedAt(20, func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Lifecycle.DrainSeconds = ptr.To[int32](7)
			d.Spec.Cache.Retention.MinPercent = 15 // something that the new operator has to observe
		}))
		Eventually(isReady).WithContext(ctx).Should(BeTrue())
		Expect(object.Status.Pools[0].Tuning.TargetPermille).To(Equal(before.TargetPermille))
		Expect(object.Status.Pools[0].Tuning.Revision).To(BeNumerically(">=", before.Revision))
		Expect(retention(ctx)).To(BeEquivalentTo(200))
	})

	It("leaves nothing behind when it is deleted", func(ctx context.Context) {
		Expect(cluster.Delete(ctx, object)).To(Succeed())
		Expect(cluster.WaitGone(ctx, object)).To(Succeed())
	})
})

func operatorPods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	var list corev1.PodList
	Expect(cluster.List(ctx, &list, client.InNamespace(operatorNamespace))).To(Succeed())
	Expect(list.Items).NotTo(BeEmpty())
	return list.Items
}

// operatorIsBack reports whether one ready operator pod is there and no other.
func operatorIsBack(ctx context.Context) bool {
	var list corev1.PodList
	if cluster.List(ctx, &list, client.InNamespace(operatorNamespace)) != nil || len(list.Items) != 1 {
		return false
	}
	return isPodReady(&list.Items[0])
}
