package deployment_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/testkit"
)

var _ = Describe("the operator's ownership", func() {
	It("writes nothing when the same manifest is applied again and again", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		before := s.versions(ctx)
		s.happened()

		var writes []string
		s.Client = countingWrites(&writes)
		for range 100 {
			again := testkit.Deployment(s.namespace, "docs")
			testkit.ExpectApplied(ctx, env.Client, again)
			testkit.ExpectReconciled(ctx, s, d)
		}
		Expect(writes).To(BeEmpty())
		Expect(s.versions(ctx)).To(Equal(before))
		Expect(s.happened()).To(BeEmpty())
	})

	It("repairs drift, and leaves to others what is theirs", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		s.happened()

		pool := s.pool(ctx, "docs-cpu")
		args := pool.Spec.Template.Spec.Containers[0].Args
		pool.Spec.Replicas = ptr.To(int32(7))
		pool.Spec.Template.Spec.Containers[0].Args = append(args[:len(args):len(args)], "--retention-floor-permille=1")
		pool.Labels["team"] = "vision"
		Expect(env.Client.Update(ctx, pool)).To(Succeed())
		service := testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", &corev1.Service{})
		service.Spec.Selector["version"] = "no-pod-has-it"
		Expect(env.Client.Update(ctx, service)).To(Succeed())
		tuning := testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-tuning", &corev1.ConfigMap{})
		tuning.Labels, tuning.Data["cpu.json"] = nil, "{}"
		Expect(env.Client.Update(ctx, tuning)).To(Succeed())

		testkit.ExpectReconciled(ctx, s, d)
		pool = s.pool(ctx, "docs-cpu")
		Expect(pool.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		Expect(pool.Spec.Template.Spec.Containers[0].Args).To(Equal(args))
		Expect(pool.Labels).To(HaveKeyWithValue("team", "vision"))
		service = testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", &corev1.Service{})
		Expect(service.Spec.Selector).To(Equal(map[string]string{"app.kubernetes.io/name": "aircache", "aircache.dev/deployment": "docs"}))
		tuning = testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-tuning", &corev1.ConfigMap{})
		Expect(tuning.Labels).To(HaveKeyWithValue("aircache.dev/deployment", "docs"))
		Expect(tuning.Data["cpu.json"]).To(ContainSubstring(`\"targetPermille\":1000`))
		Expect(s.happened()).To(ContainElements(
			"Normal Repaired repaired Deployment docs-cpu: someone had changed it", "Normal Repaired repaired Service docs: someone had changed it",
			"Normal Repaired repaired ConfigMap docs-tuning: someone had changed it"))
	})

	It("copies to no child what a GitOps tool would prune it by", func(ctx SpecContext) {
		s := newStory(ctx)
		marks := map[string]string{
			"app.kubernetes.io/instance": "models", "argocd.argoproj.io/tracking-id": "models:aircache.dev/AirCacheDeployment:vision/docs",
			"kustomize.toolkit.fluxcd.io/name": "models", "helm.toolkit.fluxcd.io/name": "models",
		}
		s.serving(ctx, testkit.Deployment(s.namespace, "docs", func(d *v1alpha1.AirCacheDeployment) {
			d.Labels = map[string]string{"app.kubernetes.io/instance": "models", "kustomize.toolkit.fluxcd.io/name": "models"}
			d.Annotations = marks
		}))
		pool := s.pool(ctx, "docs-cpu")
		for _, child := range []client.Object{
			pool, &corev1.Pod{ObjectMeta: pool.Spec.Template.ObjectMeta},
			testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", &corev1.Service{}),
			testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-tuning", &corev1.ConfigMap{}),
		} {
			for mark := range marks {
				Expect(child.GetLabels()).NotTo(HaveKey(mark))
				Expect(child.GetAnnotations()).NotTo(HaveKey(mark))
			}
		}
	})

	It("takes the children of an object that was deleted without them", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		before := s.pool(ctx, "docs-cpu").UID
		for _, child := range s.children(ctx, d) {
			child.SetOwnerReferences(nil) // as the garbage collector does on --cascade=orphan
			Expect(env.Client.Update(ctx, child)).To(Succeed())
		}
		Expect(env.Client.Delete(ctx, d)).To(Succeed())

		d = s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		Expect(metav1.IsControlledBy(s.pool(ctx, "docs-cpu"), d)).To(BeTrue())
		Expect(s.pool(ctx, "docs-cpu").UID).To(Equal(before))
	})

	It("never writes spec", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		Expect(d.Generation).To(BeEquivalentTo(1))
		for _, entry := range d.ManagedFields {
			if entry.Manager == deployment.FieldManager {
				Expect(entry.Subresource).To(Equal("status"))
			}
		}
	})

	It("does not take an object that belongs to someone else", func(ctx SpecContext) {
		s := newStory(ctx)
		foreign := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "docs"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}},
		}
		Expect(env.Client.Create(ctx, foreign)).To(Succeed())
		d := testkit.Deployment(s.namespace, "docs")
		testkit.ExpectApplied(ctx, env.Client, d)
		Expect(testkit.ExpectReconciled(ctx, s, d).RequeueAfter).To(BeNumerically(">", 0), "the stranger's object is not watched")
		message := testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
		Expect(message).To(HavePrefix("not made for this object, and in its way: Service docs;"))
		Expect(testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", &corev1.Service{}).Spec.Ports).To(ConsistOf(HaveField("Port", BeEquivalentTo(5432))))

		Expect(env.Client.Delete(ctx, foreign)).To(Succeed())
		Expect(testkit.ExpectReconciled(ctx, s, d).RequeueAfter).To(BeZero())
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionStalled)
	})
})

// children are all objects of the namespace that d owns, of every kind that the operator makes.
func (s *story) children(ctx context.Context, d *v1alpha1.AirCacheDeployment) []client.Object {
	GinkgoHelper()
	var owned []client.Object
	for _, list := range []client.ObjectList{
		&appsv1.DeploymentList{}, &appsv1.ControllerRevisionList{}, &corev1.ServiceList{}, &corev1.ConfigMapList{},
		&policyv1.PodDisruptionBudgetList{}, &networkingv1.NetworkPolicyList{},
	} {
		Expect(env.Client.List(ctx, list, client.InNamespace(s.namespace))).To(Succeed())
		items, err := apimeta.ExtractList(list)
		Expect(err).NotTo(HaveOccurred())
		before := len(owned)
		for _, item := range items {
			if o := item.(client.Object); metav1.IsControlledBy(o, d) {
				owned = append(owned, o)
			}
		}
		Expect(len(owned)).To(BeNumerically(">", before), "no %T", list)
	}
	return owned
}

// versions are the resource versions of the object docs and its children.
func (s *story) versions(ctx context.Context) map[string]string {
	GinkgoHelper()
	d := testkit.ExpectExists(ctx, env.Client, s.namespace, "docs", &v1alpha1.AirCacheDeployment{})
	versions := map[string]string{"docs": d.ResourceVersion}
	for _, o := range s.children(ctx, d) {
		versions[fmt.Sprintf("%T %s", o, o.GetName())] = o.GetResourceVersion()
	}
	return versions
}

// countingWrites is a client that notes each write.
func countingWrites(writes *[]string) client.Client {
	GinkgoHelper()
	c, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Client.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	note := func(what string) { *writes = append(*writes, what) }
	return interceptor.NewClient(c, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			note("apply")
			return c.Apply(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			note("delete " + o.GetName())
			return c.Delete(ctx, o, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			note("patch " + sub)
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
}
