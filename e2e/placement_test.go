//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/harness"
)

// Nodes are KWOK's and what runs on them is pretended; who gets which node is decided by the real scheduler, Karpenter and operator.
var _ = Describe("Replicas over GPU types that autoscale", Ordered, func() {
	var object *v1alpha1.AirCacheDeployment
	const gpuLabel = "example.com/gpu"

	karpenters := func(kind, name string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(schema.GroupVersionKind{Group: "karpenter.sh", Version: "v1", Kind: kind})
		o.SetName(name)
		return o
	}
	limit := func(ctx context.Context, patch string) error {
		return cluster.Patch(ctx, karpenters("NodePool", "l40s"), client.RawPatch(types.MergePatchType, []byte(patch)))
	}
	ofType := func(name string) v1alpha1.GPUType {
		return v1alpha1.GPUType{Name: name, Count: ptr.To[int32](4), NodeSelector: map[string]string{gpuLabel: name},
			Tolerations: []corev1.Toleration{{Key: gpuResource, Operator: corev1.TolerationOpExists}, {Key: "kwok.x-k8s.io/node", Operator: corev1.TolerationOpExists}}}
	}
	// runOn tells how many pods are ready on nodes of each type.
	runOn := func(ctx context.Context) map[string]int {
		pods, err := cluster.RuntimePods(ctx, client.ObjectKeyFromObject(object))
		if err != nil {
			return nil
		}
		on := map[string]int{}
		for i := range pods {
			node := &corev1.Node{}
			if pods[i].Spec.NodeName != "" && pods[i].DeletionTimestamp.IsZero() && cluster.Get(ctx, client.ObjectKey{Name: pods[i].Spec.NodeName}, node) == nil {
				on[node.Labels[gpuLabel]]++
			}
		}
		return on
	}
	condition := func(ctx context.Context, kind string) string {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err.Error()
		}
		if c := meta.FindStatusCondition(object.Status.Conditions, kind); c != nil {
			return c.Reason
		}
		return ""
	}

	BeforeAll(func(ctx context.Context) {
		if err := cluster.Get(ctx, client.ObjectKey{Name: "l40s"}, karpenters("NodePool", "l40s")); err != nil {
			Skip(fmt.Sprintf("NOT TESTED: moving between GPU types needs the node pools of hack/karpenter/pools, which the lab has with -karpenter (%v)", err))
		}
	})
	AfterAll(func(ctx context.Context) {
		if object != nil {
			Expect(client.IgnoreNotFound(limit(ctx, `{"spec":{"limits":{"nvidia.com/gpu":"0"}}}`))).To(Succeed())
			Expect(client.IgnoreNotFound(cluster.Delete(ctx, object))).To(Succeed())
		}
	})

	It("go from no node to the second type, where the first is out of capacity, and tell so", func(ctx context.Context) {
		d, err := harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		d.Namespace, d.Name, d.Spec.Replicas = testNamespace, "pools", ptr.To[int32](2)
		d.Spec.Model.Image.Reference = fromEnv("E2E_MODEL_IMAGE")
		d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To[int32](100)
		d.Spec.GPUTypes = []v1alpha1.GPUType{ofType("l40s"), ofType("a100"), ofType("h100")}
		d.Spec.Placement.ReturnAfterSeconds = 60
		d.Spec.Lifecycle.ProtectStartupSeconds = ptr.To[int32](0) // else Karpenter leaves nodes alone on which a model loads
		object = d
		Expect(cluster.Apply(ctx, object)).To(Succeed())
		Eventually(runOn).WithContext(ctx).Should(Equal(map[string]int{"a100": 2}))
		Eventually(condition).WithContext(ctx).WithArguments(v1alpha1.ConditionCapacityAvailable).Should(Equal(v1alpha1.ReasonFallbackActive))
		first := object.Status.Pools[0]
		Expect(first.Name).To(Equal("l40s"))
		Expect(first.DesiredReplicas).To(BeZero())
		Expect(first.CapacityReason).To(Equal("NoCapacity"))
		events := &eventsv1.EventList{}
		Expect(cluster.List(ctx, events, client.InNamespace(testNamespace))).To(Succeed())
		Expect(events.Items).To(ContainElement(And(HaveField("Reason", "Fallback"), HaveField("Note", ContainSubstring("l40s")))))
		Eventually(condition).WithContext(ctx).WithArguments(v1alpha1.ConditionReady).Should(Equal(v1alpha1.ReasonAvailable))
	})

	It("return to the first type once it has nodes again, one by one", func(ctx context.Context) {
		Expect(limit(ctx, `{"spec":{"limits":null}}`)).To(Succeed())
		least := 2
		Eventually(func(ctx context.Context) map[string]int {
			_ = condition(ctx, v1alpha1.ConditionReady)
			least = min(least, int(object.Status.ReadyReplicas))
			return runOn(ctx)
		}).WithContext(ctx).WithTimeout(4 * time.Minute).Should(Equal(map[string]int{"l40s": 2}))
		Expect(least).To(Equal(2), "a pod goes when its successor is ready")
		Eventually(condition).WithContext(ctx).WithArguments(v1alpha1.ConditionCapacityAvailable).Should(Equal(v1alpha1.ReasonAllScheduled))
	})

	It("come back on another node when a spot node is taken away", func(ctx context.Context) {
		claims := &unstructured.UnstructuredList{}
		claims.SetGroupVersionKind(schema.GroupVersionKind{Group: "karpenter.sh", Version: "v1", Kind: "NodeClaimList"})
		Expect(cluster.List(ctx, claims, client.MatchingLabels{gpuLabel: "l40s"})).To(Succeed())
		Expect(claims.Items).NotTo(BeEmpty())
		before := map[types.UID]bool{}
		pods, err := cluster.RuntimePods(ctx, client.ObjectKeyFromObject(object))
		Expect(err).NotTo(HaveOccurred())
		for i := range pods {
			before[pods[i].UID] = true
		}
		for i := range claims.Items {
			Expect(client.IgnoreNotFound(cluster.Delete(ctx, &claims.Items[i], client.PropagationPolicy(metav1.DeletePropagationBackground)))).To(Succeed())
		}
		Eventually(func(ctx context.Context) int {
			pods, err := cluster.RuntimePods(ctx, client.ObjectKeyFromObject(object))
			if err != nil {
				return -1
			}
			others := 0
			for i := range pods {
				if !before[pods[i].UID] && pods[i].DeletionTimestamp.IsZero() && pods[i].Spec.NodeName != "" {
					others++
				}
			}
			return others
		}).WithContext(ctx).WithTimeout(4 * time.Minute).Should(Equal(2))
		Eventually(condition).WithContext(ctx).WithArguments(v1alpha1.ConditionReady).Should(Equal(v1alpha1.ReasonAvailable))
	})

	It("leave nothing behind", func(ctx context.Context) {
		Expect(cluster.Delete(ctx, object)).To(Succeed())
		Expect(cluster.WaitGone(ctx, object)).To(Succeed())
	})
})
