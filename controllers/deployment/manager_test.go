package deployment_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	rtevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/testkit"
)

func requestFor(o client.Object) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)}
}

// running starts the reconciler in a manager that has the operator's rights only; its cache holds the story's namespace.
func (s *story) running(ctx context.Context) {
	GinkgoHelper()
	m, err := manager.New(env.OperatorConfig(ctx), manager.Options{
		Scheme: scheme.Scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		NewClient: deployment.NewClient,
		Cache: cache.Options{
			ByObject: deployment.CachedObjects(), DefaultTransform: cache.TransformStripManagedFields(),
			DefaultNamespaces: map[string]cache.Config{s.namespace: {}},
		},
	})
	Expect(err).NotTo(HaveOccurred())
	s.Namespaces = m.GetCache()
	s.Client, s.Live, s.Events = m.GetClient(), m.GetAPIReader(), m.GetEventRecorder(deployment.FieldManager)
	Expect(s.SetupWithManager(m, 2)).To(Succeed())
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error)
	go func() { stopped <- m.Start(ctx) }()
	DeferCleanup(func() {
		stop()
		Eventually(stopped).Should(Receive(BeNil()))
	})
}

var _ = Describe("the running controller", func() {
	It("wakes up for each thing that matters, and rests when nothing does", func(ctx SpecContext) {
		s := newStory(ctx)
		s.running(ctx)
		key := client.ObjectKey{Namespace: s.namespace, Name: "docs"}
		d := testkit.Deployment(s.namespace, "docs", testkit.WithTypes(testkit.CPUType("cpu"), testkit.ClassType("gpu", "of-"+s.namespace)))
		condition := func(kind string) func() string {
			return func() string {
				if err := env.Client.Get(ctx, key, d); err != nil {
					return err.Error()
				}
				c := apimeta.FindStatusCondition(d.Status.Conditions, kind)
				if c == nil {
					return "none"
				}
				return string(c.Status) + " " + c.Reason
			}
		}

		By("reporting a missing class, and going on when it comes")
		Expect(env.Client.Create(ctx, d)).To(Succeed())
		Eventually(condition(v1alpha1.ConditionStalled)).Should(Equal("True GPUClassNotFound"))
		Expect(env.Client.Create(ctx, testkit.GPUClass("of-"+s.namespace))).To(Succeed())
		Eventually(condition(v1alpha1.ConditionReconciling)).Should(Equal("True Scaling"))

		By("following the namespace's labels, where the class asks for one")
		class := testkit.ExpectExists(ctx, env.Client, "", "of-"+s.namespace, &v1alpha1.GPUClass{})
		class.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "vision"}}
		Expect(env.Client.Update(ctx, class)).To(Succeed())
		Eventually(condition(v1alpha1.ConditionStalled)).Should(Equal("True GPUClassNotAllowed"))
		namespace := testkit.ExpectExists(ctx, env.Client, "", s.namespace, &corev1.Namespace{})
		namespace.Labels["team"] = "vision"
		Expect(env.Client.Update(ctx, namespace)).To(Succeed())
		Eventually(condition(v1alpha1.ConditionStalled)).Should(Equal("none"))

		By("following the Deployments' status")
		s.poolBecomes(ctx, "docs-cpu", 1)
		s.poolBecomes(ctx, "docs-gpu", 0)
		Eventually(condition(v1alpha1.ConditionReady)).Should(Equal("True Available"))
		Eventually(condition(v1alpha1.ConditionReconciling)).Should(Equal("none"))

		By("following the pods")
		s.podWith(ctx, "docs-gpu", func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable}}
		})
		Eventually(condition(v1alpha1.ConditionCapacityAvailable)).Should(Equal("False Unschedulable"))
		waiting := testkit.ExpectExists(ctx, env.Client, s.namespace, "docs-gpu-x", &corev1.Pod{})
		s.event(ctx, waiting, "karpenter", "FailedScheduling", "Failed to schedule pod, no instance type has the required offering")
		Eventually(condition(v1alpha1.ConditionCapacityAvailable)).Should(Equal("False NoCapacity"))

		By("restoring a Service that was deleted")
		Expect(env.Client.Delete(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "docs"}})).To(Succeed())
		Eventually(func() error { return env.Client.Get(ctx, key, &corev1.Service{}) }).Should(Succeed())

		By("removing the pool of a type that left spec")
		Expect(env.Client.Get(ctx, key, d)).To(Succeed())
		d.Spec.GPUTypes = append(d.Spec.GPUTypes, testkit.CPUType("brief"))
		Expect(env.Client.Update(ctx, d)).To(Succeed())
		brief := client.ObjectKey{Namespace: s.namespace, Name: "docs-brief"}
		Eventually(func() error { return env.Client.Get(ctx, brief, &appsv1.Deployment{}) }).Should(Succeed())
		Eventually(func() error {
			if err := env.Client.Get(ctx, key, d); err != nil {
				return err
			}
			d.Spec.GPUTypes = d.Spec.GPUTypes[:2]
			return env.Client.Update(ctx, d)
		}).Should(Succeed())
		Eventually(func() bool { return apierrors.IsNotFound(env.Client.Get(ctx, brief, &appsv1.Deployment{})) }).Should(BeTrue())

		By("following the tuner")
		s.tuning.decide(d, lowered(500, 2, now))
		s.tuning.changes <- rtevent.GenericEvent{Object: d}
		Eventually(func() string {
			_ = env.Client.Get(ctx, key, d)
			return d.Status.Retention
		}).Should(Equal("cpu 50%, gpu 100%"))

		By("telling what it did as events")
		Eventually(func() []string {
			list := &eventsv1.EventList{}
			Expect(env.Client.List(ctx, list, client.InNamespace(s.namespace))).To(Succeed())
			var notes []string
			for _, e := range list.Items {
				notes = append(notes, e.Note)
			}
			return notes
		}).Should(ContainElements("created ConfigMap docs-tuning, Service docs, PodDisruptionBudget docs-pods, NetworkPolicy docs-pods, Deployment docs-cpu, Deployment docs-gpu", HavePrefix("pool cpu: retention 100% -> 50%")))

		By("resting")
		rest := func() []string {
			var versions []string
			for _, o := range []client.Object{&v1alpha1.AirCacheDeployment{}, &corev1.Service{}} {
				Expect(env.Client.Get(ctx, key, o)).To(Succeed())
				versions = append(versions, o.GetResourceVersion())
			}
			return append(versions, s.pool(ctx, "docs-cpu").ResourceVersion, s.pool(ctx, "docs-gpu").ResourceVersion)
		}
		quiet := rest()
		Consistently(rest).WithTimeout(time.Second).WithPolling(100 * time.Millisecond).Should(Equal(quiet))
	})
})
