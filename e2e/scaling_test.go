//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/e2e/harness"
	"aircache.dev/aircache/e2e/load"
)

// An HPA of the real controller-manager, which reads the operator's metrics through the aggregation layer.
var _ = Describe("An autoscaler", Ordered, func() {
	var object *v1alpha1.AirCacheDeployment
	const name = "scaled"

	// atFullRetention may not lower what is kept, so that only pods help against a full cache.
	atFullRetention := func() *v1alpha1.AirCacheDeployment {
		GinkgoHelper()
		d, err := harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		d.Namespace, d.Name, d.Spec.Replicas = testNamespace, name, nil
		d.Spec.Model.Image.Reference = fromEnv("E2E_MODEL_IMAGE")
		d.Spec.Cache.KVCacheMiB = ptr.To[int32](16) // three pictures at 100 %
		d.Spec.Cache.Retention.MinPercent = 100
		d.Spec.Tuning.StabilizationSeconds = ptr.To[int32](2)
		return d
	}
	// hpa is the one of the samples, for up to two pods.
	hpa := func() *autoscalingv2.HorizontalPodAutoscaler {
		GinkgoHelper()
		raw, err := os.ReadFile(inRepository("config/samples/autoscaling/hpa.yaml"))
		Expect(err).NotTo(HaveOccurred())
		h := &autoscalingv2.HorizontalPodAutoscaler{}
		Expect(yaml.UnmarshalStrict(raw, h)).To(Succeed())
		h.Namespace, h.Name, h.Spec.ScaleTargetRef.Name = testNamespace, name, name
		h.Spec.Metrics[0].External.Metric.Selector.MatchLabels["name"] = name
		h.Spec.MaxReplicas = 2
		return h
	}
	status := func(ctx context.Context) v1alpha1.AirCacheDeploymentStatus {
		if cluster.Get(ctx, client.ObjectKey{Namespace: testNamespace, Name: name}, object) != nil {
			return v1alpha1.AirCacheDeploymentStatus{}
		}
		return object.Status
	}
	replicas := func(ctx context.Context) int32 { status(ctx); return ptr.Deref(object.Spec.Replicas, -1) }
	ready := func(ctx context.Context) int32 { return status(ctx).ReadyReplicas }
	condition := func(kind string) func(context.Context) string {
		return func(ctx context.Context) string {
			if c := meta.FindStatusCondition(status(ctx).Conditions, kind); c != nil {
				return c.Reason
			}
			return ""
		}
	}
	activity := func(h *autoscalingv2.HorizontalPodAutoscaler) func(context.Context) string {
		return func(ctx context.Context) string {
			if cluster.Get(ctx, client.ObjectKeyFromObject(h), h) == nil {
				for _, c := range h.Status.Conditions {
					if c.Type == autoscalingv2.ScalingActive {
						return c.Reason
					}
				}
			}
			return ""
		}
	}
	scale := func(ctx context.Context, o client.Object, to int32) {
		GinkgoHelper()
		wanted := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: o.GetName()}, Spec: autoscalingv1.ScaleSpec{Replicas: to}}
		Expect(cluster.SubResource("scale").Update(ctx, o, client.WithSubResourceBody(wanted), client.FieldOwner("kubectl"))).To(Succeed())
	}

	BeforeAll(func(ctx context.Context) {
		if _, err := harness.FindLab(); err != nil {
			Skip("NOT TESTED: autoscalers by the operator's metrics. " + err.Error())
		}
		operator := client.ObjectKey{Namespace: operatorNamespace, Name: "aircache-operator-metrics"}
		stop, err := cluster.ServeExternalMetrics(ctx, operator, "aircache_operator_recommended_replicas")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(stop)
		object = atFullRetention()
		Expect(cluster.Apply(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			Expect(cluster.Delete(ctx, object)).To(Succeed())
			Expect(cluster.WaitGone(ctx, object)).To(Succeed())
		})
		Eventually(ready).WithContext(ctx).Should(BeEquivalentTo(1))
	})

	Context("of the AirCacheDeployment", Ordered, func() {
		var h *autoscalingv2.HorizontalPodAutoscaler
		BeforeAll(func(ctx context.Context) {
			h = hpa()
			Expect(cluster.Create(ctx, h)).To(Succeed())
			DeferCleanup(func(ctx context.Context) { Expect(cluster.Delete(ctx, h)).To(Succeed()) })
			Eventually(activity(h)).WithContext(ctx).Should(Equal("ValidMetricFound"))
		})

		It("follows the tuner's word under load and back, and no manifest without replicas takes them from it", func(ctx context.Context) {
			questions, err := ask.Load(inRepository("models/aircache-tiny-samples"))
			Expect(err).NotTo(HaveOccurred())
			service := &corev1.Service{}
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(object), service)).To(Succeed())
			users := ask.Client{HTTP: http.DefaultClient, URL: "http://" + service.Spec.ClusterIP, Model: object.Spec.Model.ServedName}
			summary := whileAsking(ctx, users, questions, func(*load.Generator) {
				Eventually(replicas).WithContext(ctx).Should(BeEquivalentTo(2))
				Expect(cluster.Apply(ctx, atFullRetention())).To(Succeed())
				Eventually(ready).WithContext(ctx).Should(BeEquivalentTo(2))
				Expect(replicas(ctx)).To(BeEquivalentTo(2))
			})
			Expect(summary.Errors).To(BeZero(), "%v", summary.LastError)
			seen := &autoscalingv1.Scale{}
			Expect(cluster.SubResource("scale").Get(ctx, object, seen)).To(Succeed())
			Expect(seen.Status.Selector).To(Equal("aircache.dev/deployment=" + name + ",app.kubernetes.io/name=aircache"))

			Eventually(replicas).WithContext(ctx).Should(BeEquivalentTo(1), "the load has gone")
			Eventually(ready).WithContext(ctx).Should(BeEquivalentTo(1))
			Expect(meta.FindStatusCondition(status(ctx).Conditions, v1alpha1.ConditionAutoscalerConflict)).To(BeNil())
		})

		It("leaves an object at zero to whoever wakes it", func(ctx context.Context) {
			scale(ctx, object, 0)
			Eventually(condition(v1alpha1.ConditionReady)).WithContext(ctx).Should(Equal(v1alpha1.ReasonIdle))
			Expect(meta.IsStatusConditionTrue(object.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
			Eventually(activity(h)).WithContext(ctx).Should(Equal("ScalingDisabled"))
			scale(ctx, object, 1)
			Eventually(condition(v1alpha1.ConditionReady)).WithContext(ctx).Should(Equal(v1alpha1.ReasonAvailable))
			Eventually(activity(h)).WithContext(ctx).Should(Equal("ValidMetricFound"))
		})
	})

	It("of a child keeps the replicas that it sets, which the condition AutoscalerConflict tells, until it is gone", func(ctx context.Context) {
		child := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: name + "-cpu"}}
		childReplicas := func(ctx context.Context) int32 {
			if cluster.Get(ctx, client.ObjectKeyFromObject(child), child) != nil {
				return -1
			}
			return ptr.Deref(child.Spec.Replicas, -1)
		}
		h := hpa()
		h.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: child.Name}
		h.Spec.MinReplicas = ptr.To[int32](2)
		Expect(cluster.Create(ctx, h)).To(Succeed())
		Eventually(condition(v1alpha1.ConditionAutoscalerConflict)).WithContext(ctx).Should(Equal(v1alpha1.ReasonReplicasContested))
		Expect(meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionAutoscalerConflict).Message).
			To(HavePrefix("kube-controller-manager sets the replicas of Deployment scaled-cpu to 2, where 1 are meant"))
		Eventually(ready).WithContext(ctx).Should(BeEquivalentTo(2))
		Eventually(condition(v1alpha1.ConditionReady)).WithContext(ctx).Should(Equal(v1alpha1.ReasonAvailable))
		Expect(childReplicas(ctx)).To(BeEquivalentTo(2))
		generation := child.Generation
		Consistently(func(ctx context.Context) int64 { childReplicas(ctx); return child.Generation }, 12*time.Second).WithContext(ctx).
			Should(Equal(generation), "nobody fights over two syncs of the HPA")

		Expect(cluster.Delete(ctx, h)).To(Succeed())
		scale(ctx, child, 1)
		Eventually(condition(v1alpha1.ConditionAutoscalerConflict)).WithContext(ctx).Should(BeEmpty())
		Eventually(ready).WithContext(ctx).Should(BeEquivalentTo(1))
		Expect(childReplicas(ctx)).To(BeEquivalentTo(1))
	})
})

// whileAsking has twelve people ask for lists while something happens.
func whileAsking(ctx context.Context, users ask.Client, questions []ask.Question, happens func(*load.Generator)) load.Summary {
	GinkgoHelper()
	lists := ask.Only(questions, "list_row", "list_colour")
	crowd := &load.Generator{Users: 12, Now: time.Now, Ask: func(ctx context.Context, n int) (bool, error) {
		q := lists[n%len(lists)]
		answer, err := users.Ask(ctx, q, 64)
		return err == nil && q.Right(answer.Text), err
	}}
	running, end := context.WithCancel(ctx)
	left := make(chan struct{})
	go func() { crowd.Run(running); close(left) }()
	defer func() { end(); <-left }()
	happens(crowd)
	end()
	<-left
	return crowd.Take()
}
