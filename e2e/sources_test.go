//go:build e2e

package e2e

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/e2e/harness"
)

const (
	hostedCommit = "0123456789abcdef0123456789abcdef01234567"
	hubToken     = "hf_e2e"
	storeKey     = "e2e"
	storeSecret  = "e2e-secret"
)

var _ = Describe("A model that pods fetch", Ordered, func() {
	var address string // of the model host's Service: the lab has no cluster DNS

	BeforeAll(func(ctx context.Context) {
		pod, service := modelHost()
		for _, object := range []client.Object{pod, service,
			secretOf("hub", map[string]string{"token": hubToken}),
			secretOf("store", map[string]string{"AWS_ACCESS_KEY_ID": storeKey, "AWS_SECRET_ACCESS_KEY": storeSecret}),
		} {
			Expect(cluster.Create(ctx, object)).To(Succeed())
			DeferCleanup(func(ctx context.Context) {
				Expect(cluster.Delete(ctx, object, client.GracePeriodSeconds(0))).To(Succeed())
			})
		}
		address = service.Spec.ClusterIP
		Eventually(func(ctx context.Context) bool {
			return cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod) == nil && isPodReady(pod)
		}).WithContext(ctx).Should(BeTrue())
	})

	from := func(name string, model v1alpha1.ModelSpec) *v1alpha1.AirCacheDeployment {
		GinkgoHelper()
		d, err := harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		model.ServedName, model.MaxImagesPerRequest = d.Spec.Model.ServedName, d.Spec.Model.MaxImagesPerRequest
		d.Namespace, d.Name, d.Spec.Model = testNamespace, name, model
		d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To[int32](100)
		return d
	}
	condition := func(d *v1alpha1.AirCacheDeployment, kind string) func(context.Context) string {
		return func(ctx context.Context) string {
			if cluster.Get(ctx, client.ObjectKeyFromObject(d), d) != nil {
				return ""
			}
			if c := meta.FindStatusCondition(d.Status.Conditions, kind); c != nil && c.ObservedGeneration == d.Generation {
				return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
			}
			return ""
		}
	}
	answers := func(ctx context.Context, d *v1alpha1.AirCacheDeployment) {
		GinkgoHelper()
		Eventually(condition(d, v1alpha1.ConditionReady)).WithContext(ctx).Should(HavePrefix("True Available"))
		questions, err := ask.Load(inRepository("models/aircache-tiny-samples"))
		Expect(err).NotTo(HaveOccurred())
		server := ask.Client{HTTP: cluster.HTTP(), URL: cluster.ServiceURL(d.Namespace, d.Name, ""), Model: d.Spec.Model.ServedName}
		answer, err := server.Ask(ctx, questions[0], 64)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Text).NotTo(BeEmpty())
	}
	goes := func(ctx context.Context, d *v1alpha1.AirCacheDeployment) {
		GinkgoHelper()
		Expect(cluster.Delete(ctx, d)).To(Succeed())
		Expect(cluster.WaitGone(ctx, d)).To(Succeed())
	}

	It("comes from the Hugging Face Hub, and status says what is missing until the token is named", func(ctx context.Context) {
		source := &v1alpha1.HuggingFaceSource{Repo: "aircache/tiny", Revision: hostedCommit, Endpoint: "http://" + address + ":8080"}
		d := from("from-the-hub", v1alpha1.ModelSpec{HuggingFace: source})
		Expect(cluster.Apply(ctx, d)).To(Succeed())
		Eventually(condition(d, v1alpha1.ConditionStalled)).WithContext(ctx).Should(And(
			HavePrefix("True "+v1alpha1.ReasonModelNotFound), ContainSubstring("aircache/tiny"), ContainSubstring("no token was given")))

		source.TokenSecretRef = &v1alpha1.SecretKeyReference{Name: "hub", Key: "token"}
		d = from("from-the-hub", v1alpha1.ModelSpec{HuggingFace: source})
		Expect(cluster.Apply(ctx, d)).To(Succeed())
		answers(ctx, d)
		Expect(d.Status.ModelDigest).To(Equal(hostedCommit))
		goes(ctx, d)
	})

	It("comes from an S3 store", func(ctx context.Context) {
		d := from("from-s3", v1alpha1.ModelSpec{S3: &v1alpha1.S3Source{
			Bucket: "models", Prefix: "aircache/tiny", Endpoint: "http://" + address + ":9000", CredentialsSecretName: "store",
		}})
		Expect(cluster.Apply(ctx, d)).To(Succeed())
		answers(ctx, d)
		goes(ctx, d)
	})
})

// modelHost is hack/modelhost in a pod, with the tiny model's image, behind a Service.
func modelHost() (*corev1.Pod, *corev1.Service) {
	about := metav1.ObjectMeta{Namespace: testNamespace, Name: "modelhost", Labels: map[string]string{"app": "modelhost"}}
	pod := &corev1.Pod{ObjectMeta: about, Spec: corev1.PodSpec{
		Volumes: []corev1.Volume{{Name: "model", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{
			Reference: fromEnv("E2E_MODEL_IMAGE"), PullPolicy: corev1.PullIfNotPresent,
		}}}},
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](65532), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			Name:            "modelhost", Image: fromEnv("E2E_MODELHOST_IMAGE"), ImagePullPolicy: corev1.PullIfNotPresent,
			Args:           []string{"-token=" + hubToken, "-key=" + storeKey, "-secret=" + storeSecret},
			VolumeMounts:   []corev1.VolumeMount{{Name: "model", MountPath: "/model", ReadOnly: true}},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(9000)}}},
		}},
	}}
	return pod, &corev1.Service{ObjectMeta: about, Spec: corev1.ServiceSpec{Selector: about.Labels, Ports: []corev1.ServicePort{
		{Name: "hub", Port: 8080}, {Name: "s3", Port: 9000},
	}}}
}

func secretOf(name string, values map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: name}, StringData: values}
}

func isPodReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
