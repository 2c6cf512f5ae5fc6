package deployment_test

import (
	"context"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	rtevent "sigs.k8s.io/controller-runtime/pkg/event"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/config/argocd"
	"aircache.dev/aircache/config/flux"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/testkit"
)

var (
	env *testkit.Env
	now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
)

func TestDeployment(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "AirCacheDeployment on a real API server")
}

var _ = BeforeSuite(func() {
	env = testkit.Start()
	DeferCleanup(env.Stop)
})

// story is one test's reconciler with its surroundings.
type story struct {
	*deployment.Reconciler
	namespace string
	tuning    *fakeTuning
	recorder  *events.FakeRecorder
	clock     *clocktesting.FakePassiveClock
}

func newStory(ctx context.Context) *story {
	GinkgoHelper()
	s := &story{
		namespace: env.Namespace(ctx), tuning: newFakeTuning(),
		recorder: events.NewFakeRecorder(1000), clock: clocktesting.NewFakePassiveClock(now),
	}
	s.Reconciler = &deployment.Reconciler{
		Client: env.Client, Live: env.Client, Events: s.recorder, Tuning: s.tuning, Clock: s.clock, Operator: testkit.Operator(),
	}
	return s
}

// happened are the events since the last call, each as "Type Reason message".
func (s *story) happened() []string {
	var list []string
	for {
		select {
		case e := <-s.recorder.Events:
			list = append(list, e)
		default:
			return list
		}
	}
}

// applied creates or updates the object as a user would, and reconciles it once.
func (s *story) applied(ctx context.Context, d *v1alpha1.AirCacheDeployment) *v1alpha1.AirCacheDeployment {
	GinkgoHelper()
	testkit.ExpectApplied(ctx, env.Client, d)
	testkit.ExpectReconciled(ctx, s, d)
	return testkit.ExpectExists(ctx, env.Client, d.Namespace, d.Name, d)
}

// pool reads the Deployment of a pool.
func (s *story) pool(ctx context.Context, name string) *appsv1.Deployment {
	GinkgoHelper()
	return testkit.ExpectExists(ctx, env.Client, s.namespace, name, &appsv1.Deployment{})
}

// poolBecomes plays the deployment controller: all pods have the newest template, so many of them are ready.
func (s *story) poolBecomes(ctx context.Context, name string, ready int32) {
	GinkgoHelper()
	d := s.pool(ctx, name)
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: *d.Spec.Replicas, UpdatedReplicas: *d.Spec.Replicas,
		ReadyReplicas: ready, AvailableReplicas: ready, UnavailableReplicas: *d.Spec.Replicas - ready,
	}
	Expect(env.Client.Status().Update(ctx, d)).To(Succeed())
}

// serving is an applied object whose pods are all ready.
func (s *story) serving(ctx context.Context, d *v1alpha1.AirCacheDeployment) *v1alpha1.AirCacheDeployment {
	GinkgoHelper()
	s.applied(ctx, d)
	for _, t := range d.Spec.GPUTypes {
		s.poolBecomes(ctx, d.Name+"-"+t.Name, *s.pool(ctx, d.Name+"-"+t.Name).Spec.Replicas)
	}
	testkit.ExpectReconciled(ctx, s, d)
	testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
	return d
}

// expectKStatus computes what Flux and kubectl-like tools take the object for, and holds Argo CD's health.lua and
// Flux's own expressions to the same.
func expectKStatus(ctx context.Context, d *v1alpha1.AirCacheDeployment, want status.Status) {
	GinkgoHelper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AirCacheDeployment"))
	Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(d), u)).To(Succeed())
	result, err := status.Compute(u)
	Expect(err).NotTo(HaveOccurred())
	Expect(result.Status).To(Equal(want), result.Message)
	health, err := argocd.Of(u.Object)
	Expect(err).NotTo(HaveOccurred())
	Expect(argocd.Agrees(health.Status, want.String())).To(BeTrue(), "kstatus says %s, Argo CD's health.lua %s (%s)", want, health.Status, health.Message)
	byFlux, err := flux.Of(u.Object)
	Expect(err).NotTo(HaveOccurred())
	Expect(byFlux).To(Equal(want.String()), "Flux's healthCheckExprs")
}

// fakeTuning is a TuningSource that says what a test puts in.
type fakeTuning struct {
	mu      sync.Mutex
	results map[types.UID]deployment.TuningResult
	changes chan rtevent.GenericEvent
}

func newFakeTuning() *fakeTuning {
	return &fakeTuning{results: map[types.UID]deployment.TuningResult{}, changes: make(chan rtevent.GenericEvent, 10)}
}

func (f *fakeTuning) Get(uid types.UID) (deployment.TuningResult, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	result, ok := f.results[uid]
	return result, ok
}

func (f *fakeTuning) Changes() <-chan rtevent.GenericEvent { return f.changes }

func (f *fakeTuning) decide(d *v1alpha1.AirCacheDeployment, result deployment.TuningResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results[d.UID] = result
}
