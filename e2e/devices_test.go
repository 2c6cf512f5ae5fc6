//go:build e2e

package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/harness"
)

// A node that KWOK pretends, with two devices that this test publishes as a driver of dynamic resource allocation would; who gets them is
// decided by the real scheduler.
var _ = Describe("GPUs of a DeviceClass", Ordered, func() {
	const driver, node = "gpu.example.com", "devices-0"
	var object *v1alpha1.AirCacheDeployment

	BeforeAll(func(ctx context.Context) {
		if _, err := harness.FindLab(); err != nil {
			Skip("NOT TESTED: GPUs of a DeviceClass. " + err.Error())
		}
		many := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("32"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("110")}
		taint := corev1.Taint{Key: "kwok.x-k8s.io/node", Value: "fake", Effect: corev1.TaintEffectNoSchedule}
		for _, o := range []client.Object{
			&corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: node, Labels: map[string]string{"example.com/devices": "two"}, Annotations: map[string]string{taint.Key: taint.Value}},
				Spec:       corev1.NodeSpec{Taints: []corev1.Taint{taint}}, Status: corev1.NodeStatus{Capacity: many, Allocatable: many},
			},
			&resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: driver}, Spec: resourcev1.DeviceClassSpec{
				Selectors: []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: `device.driver == "` + driver + `"`}}},
			}},
			&resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: node}, Spec: resourcev1.ResourceSliceSpec{
				Driver: driver, NodeName: ptr.To(node), Pool: resourcev1.ResourcePool{Name: node, ResourceSliceCount: 1},
				Devices: []resourcev1.Device{{Name: "gpu-0"}, {Name: "gpu-1"}},
			}},
			&v1alpha1.GPUClass{ObjectMeta: metav1.ObjectMeta{Name: "devices"}, Spec: v1alpha1.GPUClassSpec{
				NodeSelector: map[string]string{"example.com/devices": "two"}, DeviceClassName: driver, MemoryGiB: 48,
				Tolerations: []corev1.Toleration{{Key: taint.Key, Operator: corev1.TolerationOpExists}},
			}},
		} {
			Expect(cluster.Create(ctx, o)).To(Succeed())
			DeferCleanup(func(ctx context.Context) { Expect(cluster.Delete(ctx, o)).To(Succeed()) })
		}
		d, err := harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		d.Namespace, d.Name, d.Spec.Replicas = testNamespace, "devices", ptr.To[int32](2)
		d.Spec.Model.Image.Reference = fromEnv("E2E_MODEL_IMAGE")
		d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To[int32](100)
		d.Spec.GPUTypes = []v1alpha1.GPUType{{Name: "gpu", GPUClassName: "devices", Count: ptr.To[int32](1)}, {Name: "cpu", Count: ptr.To[int32](0)}}
		d.Spec.Placement.FallbackAfterSeconds = ptr.To[int32](5)
		object = d
		Expect(cluster.Apply(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			Expect(cluster.Delete(ctx, object)).To(Succeed())
			Expect(cluster.WaitGone(ctx, object)).To(Succeed())
		})
	})
	capacity := func(ctx context.Context) string {
		if cluster.Get(ctx, client.ObjectKeyFromObject(object), object) != nil {
			return ""
		}
		if c := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionCapacityAvailable); c != nil {
			return c.Reason
		}
		return ""
	}
	// allocated are the devices that claims of the object's pods hold.
	allocated := func(ctx context.Context) []string {
		claims := &resourcev1.ResourceClaimList{}
		if cluster.List(ctx, claims, client.InNamespace(testNamespace)) != nil {
			return nil
		}
		var devices []string
		for _, c := range claims.Items {
			if a := c.Status.Allocation; a != nil {
				for _, d := range a.Devices.Results {
					devices = append(devices, d.Driver+"/"+d.Device)
				}
			}
		}
		return devices
	}

	It("go to the pods one each, and a pod for which none is left goes to the next type", func(ctx context.Context) {
		Eventually(allocated).WithContext(ctx).Should(ConsistOf(driver+"/gpu-0", driver+"/gpu-1"))
		Eventually(func(ctx context.Context) int32 { capacity(ctx); return object.Status.ReadyReplicas }).WithContext(ctx).Should(BeEquivalentTo(2))
		object.Spec.Replicas = ptr.To[int32](3)
		Expect(cluster.Apply(ctx, object)).To(Succeed())
		Eventually(capacity).WithContext(ctx).Should(Equal(v1alpha1.ReasonUnschedulable))
		Expect(object.Status.Pools[0].CapacityMessage).To(ContainSubstring("nodes are available"))
		Eventually(capacity).WithContext(ctx).Should(Equal(v1alpha1.ReasonFallbackActive))
		Eventually(func(ctx context.Context) int32 { capacity(ctx); return object.Status.ReadyReplicas }).WithContext(ctx).Should(BeEquivalentTo(3))
		Expect(object.Status.Pools[1].ReadyReplicas).To(BeEquivalentTo(1))
		Expect(allocated(ctx)).To(HaveLen(2))
	})
})
