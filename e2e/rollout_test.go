//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/e2e/harness"
)

const gpuResource = "nvidia.com/gpu"

var _ = Describe("A pool that fills its node's GPUs", Ordered, func() {
	var object *v1alpha1.AirCacheDeployment

	// twoOfFour are two pods with four of the node's eight GPUs each, so that no third one fits. The runtime finds no driver and computes
	// on the CPU; what is tested is who gets the GPUs.
	twoOfFour := func(drain int32) *v1alpha1.AirCacheDeployment {
		GinkgoHelper()
		d, err := harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		d.Namespace, d.Name, d.Spec.Replicas = testNamespace, "full-pool", ptr.To[int32](2)
		d.Spec.Model.Image.Reference = fromEnv("E2E_MODEL_IMAGE")
		d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To[int32](100)
		d.Spec.GPUTypes = []v1alpha1.GPUType{{Name: "h100", NodeSelector: map[string]string{corev1.LabelHostname: nodeOfEightGPUs}, Count: ptr.To[int32](4)}}
		d.Spec.Rollout.SurgeTimeoutSeconds = ptr.To[int32](3)
		d.Spec.Lifecycle.DrainSeconds = ptr.To(drain)
		return d
	}
	isDone := func(ctx context.Context) bool {
		if cluster.Get(ctx, client.ObjectKeyFromObject(object), object) != nil {
			return false
		}
		ready := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == v1alpha1.ReasonAvailable && ready.ObservedGeneration == object.Generation &&
			meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReconciling) == nil
	}
	pods := func(ctx context.Context) []corev1.Pod {
		GinkgoHelper()
		list, err := cluster.RuntimePods(ctx, client.ObjectKeyFromObject(object))
		Expect(err).NotTo(HaveOccurred())
		return list
	}
	surge := func(ctx context.Context) string {
		d := &appsv1.Deployment{}
		if err := cluster.Get(ctx, client.ObjectKey{Namespace: testNamespace, Name: "full-pool-h100"}, d); err != nil {
			return err.Error()
		}
		return d.Spec.Strategy.RollingUpdate.MaxSurge.String()
	}

	BeforeAll(func(ctx context.Context) {
		node := &corev1.Node{}
		if err := cluster.Get(ctx, client.ObjectKey{Name: nodeOfEightGPUs}, node); err != nil || node.Status.Allocatable.Name(gpuResource, "").Value() != 8 {
			Skip(fmt.Sprintf("NOT TESTED: rollouts on a full pool need node %s with 8 %s, which the lab has (%v)", nodeOfEightGPUs, gpuResource, err))
		}
	})

	It("serves from all of them", func(ctx context.Context) {
		object = twoOfFour(5)
		Expect(cluster.Apply(ctx, object)).To(Succeed())
		Eventually(isDone).WithContext(ctx).Should(BeTrue())
		Expect(pods(ctx)).To(HaveLen(2))
	})

	It("is rolled out in place, pod by pod, and answers all the while", func(ctx context.Context) {
		before := pods(ctx)
		users := startUsers(ctx, ask.Client{HTTP: cluster.HTTP(), URL: cluster.ServiceURL(testNamespace, "full-pool", ""), Model: object.Spec.Model.ServedName})
		object = twoOfFour(6)
		Expect(cluster.Apply(ctx, object)).To(Succeed())
		Eventually(surge).WithContext(ctx).Should(Equal("0"), "the pod that was added finds no GPU, so one has to go first")
		least := 2
		Eventually(func(ctx context.Context) bool {
			_ = cluster.Get(ctx, client.ObjectKeyFromObject(object), object)
			least = min(least, int(object.Status.ReadyReplicas))
			return isDone(ctx)
		}).WithContext(ctx).WithTimeout(4 * time.Minute).Should(BeTrue())
		answered, lost := users.stop()

		now := pods(ctx)
		Expect(now).To(HaveLen(2))
		for i := range before {
			Expect(now).NotTo(ContainElement(HaveField("UID", before[i].UID)), "both pods were replaced")
		}
		Expect(harness.Restarts(now)).To(BeZero())
		Expect(least).To(Equal(1), "one of the two went at a time")
		Expect(lost).To(BeEmpty())
		Expect(answered).To(BeNumerically(">", 10))
		Eventually(surge).WithContext(ctx).Should(Equal("1"), "the next rollout may try one more again")
		AddReportEntry(fmt.Sprintf("%d questions were answered during the rollout, none was lost", answered))
	})

	It("leaves nothing behind", func(ctx context.Context) {
		Expect(cluster.Delete(ctx, object)).To(Succeed())
		Expect(cluster.WaitGone(ctx, object)).To(Succeed())
	})
})

// nodeOfEightGPUs is the lab's real node.
const nodeOfEightGPUs = "lab-0"

// users ask one question after another. A pod that is about to go says 503 and Retry-After; like any client of OpenAI's they ask again.
type users struct {
	cancel   context.CancelFunc
	done     sync.WaitGroup
	mu       sync.Mutex
	answered int
	lost     []string
}

func startUsers(ctx context.Context, server ask.Client) *users {
	GinkgoHelper()
	questions, err := ask.Load(inRepository("models/aircache-tiny-samples"))
	Expect(err).NotTo(HaveOccurred())
	u := &users{}
	ctx, u.cancel = context.WithCancel(ctx)
	for user := range 2 {
		u.done.Go(func() {
			for i := user; ctx.Err() == nil; i++ {
				u.note(ctx, askUntilAnswered(ctx, server, questions[i%len(questions)]))
			}
		})
	}
	return u
}

func (u *users) note(ctx context.Context, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case ctx.Err() != nil: // the test is over, not the question
	case err != nil:
		u.lost = append(u.lost, err.Error())
	default:
		u.answered++
	}
}

func (u *users) stop() (answered int, lost []string) {
	u.cancel()
	u.done.Wait()
	return u.answered, u.lost
}

func askUntilAnswered(ctx context.Context, server ask.Client, q ask.Question) error {
	const tries = 40
	var err error
	for range tries {
		if _, err = server.Ask(ctx, q, 32); err == nil || !strings.Contains(err.Error(), "503") {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond): // the server asked for it
		}
	}
	return err
}
