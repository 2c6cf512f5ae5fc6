package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/testkit"
	"aircache.dev/aircache/controllers/tuning"
	"aircache.dev/aircache/runtime/control"
)

var env *testkit.Env

func TestOperator(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "the operator on a real API server")
}

var _ = BeforeSuite(func() {
	env = testkit.Start()
	DeferCleanup(env.Stop)
})

// podAddress is one that no other program listens on; the kernel answers for all of 127/8.
const podAddress = "127.83.71.2"

// runtimePod answers on the ports of a runtime pod.
type runtimePod struct {
	mu      sync.Mutex
	applied control.Ack
	usage   float64
	served  int // prompts, one more at each look
}

func (p *runtimePod) serve() {
	GinkgoHelper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.served++
		fmt.Fprintf(w, "vllm:kv_cache_usage_perc %g\nvllm:num_requests_running 4\nvllm:num_requests_waiting 0\naircache_retention_permille %d\naircache_tuning_epoch %d\naircache_tuning_revision %d\n",
			p.usage, p.applied.TargetPermille, p.applied.Epoch, p.applied.Revision)
		fmt.Fprintf(w, "vllm:request_success_total %d\naircache_text_tokens_prefilled_total %d\naircache_visual_tokens_seen_total %d\naircache_visual_tokens_kept_total %d\n",
			p.served, 100*p.served, 1000*p.served, int32(p.served)*p.applied.TargetPermille)
	})
	mux.HandleFunc("PUT /v1/tuning", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.applied = testkit.Tune(w, r, testkit.Keyring(testkit.Keys()), control.Bounds{FloorPermille: 100, CeilingPermille: 1000}, p.applied)
	})
	for _, port := range []string{"8000", "9443"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(podAddress, port))
		Expect(err).NotTo(HaveOccurred())
		server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
		go func() { _ = server.Serve(listener) }()
		DeferCleanup(server.Close)
	}
}

func (p *runtimePod) get() control.Ack {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied
}

func (p *runtimePod) setUsage(usage float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.usage = usage
}

// operator starts all that main starts, with the operator's rights only, and returns what stops it.
func operator(ctx context.Context, namespace string) (stop func()) {
	GinkgoHelper()
	key := filepath.Join(GinkgoT().TempDir(), "current.pem")
	der, err := x509.MarshalPKCS8PrivateKey(testkit.PrivateKey(1))
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)).To(Succeed())
	o, err := parse([]string{"--directive-key-file=" + key, "--metrics-addr=0", "--health-addr=0", "--watch-namespaces=" + namespace, "--runtime-image=" + testkit.RuntimeImage}, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	options := o.manager(o.logger(GinkgoWriter))
	options.Controller.SkipNameValidation = ptr.To(true) // the second operator of the same process
	m, err := ctrl.NewManager(env.OperatorConfig(ctx), options)
	Expect(err).NotTo(HaveOccurred())
	Expect(setup(m, o, tuning.NewMetrics(prometheus.NewRegistry()))).To(Succeed())
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- m.Start(running) }()
	return func() {
		cancel()
		Eventually(ended).Should(Receive(BeNil()))
	}
}

// startPod plays the ReplicaSet controller and the kubelet for one pod of a pool.
func startPod(ctx context.Context, d *v1alpha1.AirCacheDeployment) {
	GinkgoHelper()
	owner := &appsv1.Deployment{}
	Eventually(func() error {
		return env.Client.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Name + "-cpu"}, owner)
	}).Should(Succeed())
	pod := &corev1.Pod{ObjectMeta: *owner.Spec.Template.ObjectMeta.DeepCopy(), Spec: *owner.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name = d.Namespace, owner.Name+"-5d9c-x"
	pod.Labels["pod-template-hash"] = "5d9c"
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner.Name + "-5d9c", UID: "rs", Controller: ptr.To(true)}}
	Expect(env.Client.Create(ctx, pod)).To(Succeed())
	pod.Status = corev1.PodStatus{
		PodIP: podAddress, PodIPs: []corev1.PodIP{{IP: podAddress}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}},
	}
	Expect(env.Client.Status().Update(ctx, pod)).To(Succeed())
}

var _ = Describe("the operator", func() {
	It("lowers a pod under KV pressure, reports it, and goes on from there after a restart", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		pod := &runtimePod{applied: control.Ack{TargetPermille: 1000}, usage: 0.3}
		pod.serve()
		stop := operator(ctx, namespace)
		d := testkit.Deployment(namespace, "docs", func(d *v1alpha1.AirCacheDeployment) { d.Spec.Tuning.IntervalSeconds = 2 })
		Expect(env.Client.Create(ctx, d)).To(Succeed())
		startPod(ctx, d)
		key := client.ObjectKeyFromObject(d)
		inStatus := func() v1alpha1.PoolTuning {
			if err := env.Client.Get(ctx, key, d); err != nil || len(d.Status.Pools) == 0 {
				return v1alpha1.PoolTuning{}
			}
			return d.Status.Pools[0].Tuning
		}

		By("acknowledging the start value")
		Eventually(func() int32 { return inStatus().AckedReplicas }).Should(BeEquivalentTo(1))
		Expect(pod.get().TargetPermille).To(BeEquivalentTo(1000))

		By("lowering live, in status and in the ConfigMap")
		pod.setUsage(0.95)
		Eventually(func() int32 { return pod.get().TargetPermille }).Should(BeEquivalentTo(900))
		pod.setUsage(0.8) // between the aim and the objective: nothing moves any more
		Eventually(func(g Gomega) { g.Expect(inStatus().TargetPermille).To(Equal(pod.get().TargetPermille)) }).Should(Succeed())
		Expect(apimeta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionTuningActive)).To(BeTrue())
		Eventually(func(g Gomega) {
			config := &corev1.ConfigMap{}
			g.Expect(env.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "docs-tuning"}, config)).To(Succeed())
			directive, err := testkit.Keyring(testkit.Keys()).Open(strings.NewReader(config.Data["cpu.json"]))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(directive.Revision).To(Equal(pod.get().Revision))
			g.Expect(directive.TargetPermille).To(Equal(pod.get().TargetPermille))
		}).Should(Succeed())

		By("saying why")
		Eventually(func(g Gomega) {
			events := &eventsv1.EventList{}
			g.Expect(env.Client.List(ctx, events, client.InNamespace(namespace))).To(Succeed())
			g.Expect(events.Items).To(ContainElement(HaveField("Note", ContainSubstring("pool cpu: retention goes from 100% to 90%: KV demand is 95% of the pool"))))
		}).Should(Succeed())

		By("keeping value and revision over a restart")
		stop()
		before := pod.get()
		DeferCleanup(operator(ctx, namespace))
		pod.setUsage(0.95)
		Eventually(func() int64 { return pod.get().Epoch }).Should(Equal(before.Epoch+1), "its first change begins an epoch")
		Expect(pod.get().TargetPermille).To(BeNumerically("<", before.TargetPermille))
	})
})
