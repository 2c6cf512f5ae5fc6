package tuning

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/directive"
	"aircache.dev/aircache/controllers/observe"
	"aircache.dev/aircache/controllers/testkit"
)

// story is a cluster with a loop; time passes when the story says so.
type story struct {
	*testing.T
	client client.Client
	clock  *clocktesting.FakeClock
	loop   *Loop
	keys   *directive.Keys

	mu   sync.Mutex
	pods map[types.UID]string // addresses
}

func newStory(t *testing.T) *story {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s := &story{
		T: t, client: fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.AirCacheDeployment{}).Build(),
		clock: clocktesting.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), pods: map[types.UID]string{},
		keys: testkit.Keys(),
	}
	s.startOperator()
	return s
}

// startOperator replaces the loop by one that remembers nothing.
func (s *story) startOperator() {
	s.loop = New(Config{
		Reader: s.client, Clock: s.clock,
		Scraper: &observe.Scraper{Client: http.DefaultClient, Clock: s.clock, Timeout: 5 * time.Second, Parallel: 8},
		Pusher:  &directive.Pusher{Client: http.DefaultClient, Keys: s.keys, Timeout: 5 * time.Second, Parallel: 8},
		Address: func(pod *corev1.Pod, _ int) string {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.pods[pod.UID]
		},
		Metrics: NewMetrics(prometheus.NewRegistry()), Log: testr.New(s.T),
	})
	s.loop.started = true // no spreading: each story looks at once
}

// create makes an object with 2 s between looks, and the Deployments of its pools.
func (s *story) create(name string, edits ...func(*v1alpha1.AirCacheDeployment)) *v1alpha1.AirCacheDeployment {
	s.Helper()
	quick := func(d *v1alpha1.AirCacheDeployment) {
		d.Spec.Tuning.IntervalSeconds, d.Spec.Tuning.StabilizationSeconds = 2, ptr.To(int32(10))
	}
	d := testkit.Deployment("default", name, append([]func(*v1alpha1.AirCacheDeployment){testkit.WithUID(types.UID("uid-" + name)), quick}, edits...)...)
	s.do(s.client.Create(context.Background(), d))
	for _, t := range d.Spec.GPUTypes {
		s.do(s.client.Create(context.Background(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Namespace, Name: name + "-" + t.Name, UID: types.UID("uid-" + name + "-" + t.Name),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, v1alpha1.GroupVersion.WithKind("AirCacheDeployment"))},
		}}))
	}
	return d
}

// pod runs a ready pod of a pool.
func (s *story) pod(d *v1alpha1.AirCacheDeployment, pool, name string, edits ...func(*corev1.Pod)) *fakePod {
	s.Helper()
	p := newFakePod(s.T, string(d.UID), pool)
	owner := d.Name + "-" + pool + "-5d9c"
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Namespace, Name: name, UID: types.UID("uid-" + name),
			Labels: map[string]string{
				"app.kubernetes.io/name": "aircache", "app.kubernetes.io/managed-by": "aircache-operator",
				"aircache.dev/deployment": d.Name, "aircache.dev/pool": pool, "pod-template-hash": "5d9c",
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner, UID: "rs", Controller: ptr.To(true)}},
		},
		Status: corev1.PodStatus{PodIP: "10.0.0.1", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	for _, edit := range edits {
		edit(pod)
	}
	s.mu.Lock()
	s.pods[pod.UID] = p.URL
	s.mu.Unlock()
	s.do(s.client.Create(context.Background(), pod))
	return p
}

func (s *story) edit(d *v1alpha1.AirCacheDeployment, change func(*v1alpha1.AirCacheDeployment)) {
	s.Helper()
	s.do(s.client.Get(context.Background(), client.ObjectKeyFromObject(d), d))
	change(d)
	s.do(s.client.Update(context.Background(), d))
}

// report writes status as the reconciler would.
func (s *story) report(d *v1alpha1.AirCacheDeployment) {
	s.Helper()
	s.do(s.client.Get(context.Background(), client.ObjectKeyFromObject(d), d))
	result, _ := s.loop.Get(d.UID)
	d.Status.Pools, d.Status.Latency, d.Status.Quality = nil, result.Latency, result.Quality
	for name, p := range maps.All(result.Pools) {
		d.Status.Pools = append(d.Status.Pools, v1alpha1.PoolStatus{Name: name, Product: p.Product, Tuning: p.Tuning, Quality: p.Quality, Decisions: p.Decisions})
	}
	s.do(s.client.Status().Update(context.Background(), d))
}

// look runs the rounds that are due, one interval after the other, and counts the changes.
func (s *story) look(times int) (changes int) {
	s.Helper()
	for range times {
		due, err := s.loop.due(context.Background())
		s.do(err)
		for _, d := range due {
			s.loop.round(context.Background(), d)
		}
		s.clock.Step(2 * time.Second)
	}
	for {
		select {
		case <-s.loop.Changes():
			changes++
		default:
			return changes
		}
	}
}

func (s *story) tuning(d *v1alpha1.AirCacheDeployment, pool string) v1alpha1.PoolTuning {
	s.Helper()
	result, ok := s.loop.Get(d.UID)
	if !ok {
		s.Fatalf("there is no result for %s", d.Name)
	}
	return result.Pools[pool].Tuning
}

func (s *story) expectConditions(d *v1alpha1.AirCacheDeployment, tuning, metrics, objectives string) {
	s.Helper()
	result, _ := s.loop.Get(d.UID)
	for _, c := range []struct {
		name, want string
		got        deployment.ConditionResult
	}{
		{"TuningActive", tuning, result.TuningActive}, {"MetricsAvailable", metrics, result.MetricsAvailable},
		{"ObjectivesMet", objectives, result.ObjectivesMet},
	} {
		if got := string(c.got.Status) + " " + c.got.Reason; got != c.want {
			s.Errorf("%s is %s (%s), want %s", c.name, got, c.got.Message, c.want)
		}
	}
}

func (s *story) expectQuality(d *v1alpha1.AirCacheDeployment, condition, text string) {
	s.Helper()
	result, _ := s.loop.Get(d.UID)
	c := result.QualityHealthy
	if got := string(c.Status) + " " + c.Reason; got != condition || result.Quality != text {
		s.Errorf("QualityHealthy is %s (%s), want %s; the text is %q, want %q", got, c.Message, condition, result.Quality, text)
	}
}

func (s *story) do(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
