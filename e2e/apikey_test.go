//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	corev1 "k8s.io/api/core/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/harness"
)

var _ = Describe("API keys from a Secret", Ordered, func() {
	const key = "sk-of-the-suite"
	var d *v1alpha1.AirCacheDeployment

	BeforeAll(func(ctx context.Context) {
		var err error
		d, err = harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		d.Namespace, d.Name, d.Spec.Model.Image.Reference = testNamespace, "with-keys", fromEnv("E2E_MODEL_IMAGE")
		d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To[int32](100)
		d.Spec.Runtime.APIKeySecretRef = &v1alpha1.SecretKeyReference{Name: "clients", Key: "keys"}
	})
	stalled := func(ctx context.Context) string {
		if cluster.Get(ctx, client.ObjectKeyFromObject(d), d) != nil {
			return ""
		}
		if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionStalled); c != nil {
			return c.Reason + ": " + c.Message
		}
		return ""
	}
	status := func(ctx context.Context, url, key string) int {
		GinkgoHelper()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		Expect(err).NotTo(HaveOccurred())
		if key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		answer, err := cluster.HTTP().Do(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Body.Close()).To(Succeed())
		return answer.StatusCode
	}

	It("do not open the server when the Secret is missing, and status says which file has no key", func(ctx context.Context) {
		Expect(cluster.Apply(ctx, d)).To(Succeed())
		Eventually(stalled).WithContext(ctx).Should(And(HavePrefix(v1alpha1.ReasonCrashLooping), ContainSubstring("--api-key-file")))
	})

	It("are asked for once it is there, without a word of them in the pod", func(ctx context.Context) {
		Expect(cluster.Create(ctx, secretOf("clients", map[string]string{"keys": key + "\n"}))).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			Expect(cluster.Delete(ctx, secretOf("clients", nil))).To(Succeed())
		})
		pods, err := cluster.RuntimePods(ctx, client.ObjectKeyFromObject(d))
		Expect(err).NotTo(HaveOccurred())
		for i := range pods { // its back-off would last longer than the test
			Expect(cluster.Delete(ctx, &pods[i], client.GracePeriodSeconds(0))).To(Succeed())
		}
		Eventually(func(ctx context.Context) bool {
			return stalled(ctx) == "" && meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady)
		}).WithContext(ctx).Should(BeTrue())
		pods, err = cluster.RuntimePods(ctx, client.ObjectKeyFromObject(d))
		Expect(err).NotTo(HaveOccurred())
		Expect(pods).To(HaveLen(1))
		Expect(pods[0].String()).NotTo(ContainSubstring(key))

		Expect(status(ctx, cluster.ServiceURL(d.Namespace, d.Name, "v1/models"), "")).To(Equal(http.StatusUnauthorized))
		Expect(status(ctx, cluster.ServiceURL(d.Namespace, d.Name, "metrics"), "")).To(Equal(http.StatusOK), "the operator and Prometheus have no key")
		if os.Getenv("LAB_NODE") == "" {
			GinkgoWriter.Println("NOT SHOWN HERE: that the right key opens the server. The API server's proxy takes the Authorization header for itself, and only in the lab does the suite reach the Service directly.")
			return
		}
		service := &corev1.Service{}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(d), service)).To(Succeed())
		direct := "http://" + service.Spec.ClusterIP + "/v1/models"
		Expect(status(ctx, direct, "another")).To(Equal(http.StatusUnauthorized))
		Expect(status(ctx, direct, key)).To(Equal(http.StatusOK))
	})

	It("go with the object", func(ctx context.Context) {
		Expect(cluster.Delete(ctx, d)).To(Succeed())
		Expect(cluster.WaitGone(ctx, d)).To(Succeed())
	})
})
