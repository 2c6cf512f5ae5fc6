//go:build e2e

package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
)

var _ = Describe("An AirCacheDeployment that names a GPUClass which does not exist", func() {
	It("names it in its status and starts no pod", func(ctx context.Context) {
		object := &v1alpha1.AirCacheDeployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "no-class"},
			Spec: v1alpha1.AirCacheDeploymentSpec{
				Model:    v1alpha1.ModelSpec{HuggingFace: &v1alpha1.HuggingFaceSource{Repo: "org/model", Revision: "0123456789abcdef0123456789abcdef01234567"}},
				GPUTypes: []v1alpha1.GPUType{{Name: "l40s", GPUClassName: "no-such-class"}},
			},
		}
		Expect(cluster.Create(ctx, object)).To(Succeed())
		key := client.ObjectKeyFromObject(object)
		Eventually(func(ctx context.Context) string {
			if cluster.Get(ctx, key, object) != nil {
				return ""
			}
			if stalled := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionStalled); stalled != nil {
				Expect(stalled.Message).To(ContainSubstring("no-such-class"))
				return stalled.Reason
			}
			return ""
		}).WithContext(ctx).Should(Equal(v1alpha1.ReasonGPUClassNotFound))
		pods, err := cluster.RuntimePods(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		Expect(pods).To(BeEmpty())
		Expect(cluster.Delete(ctx, object)).To(Succeed())
		Expect(cluster.WaitGone(ctx, object)).To(Succeed())
	})
})
