//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/e2e/harness"
	"aircache.dev/aircache/e2e/load"
	"aircache.dev/aircache/runtime/control"
)

// The tuner under real load and real failures: two pods of the tiny model with a floor of 5 %, looked at every 2 s. No step replaces or
// restarts a pod.
var _ = Describe("The tuned value", Ordered, func() {
	var (
		lab       harness.Lab
		object    *v1alpha1.AirCacheDeployment
		key       client.ObjectKey
		pods      []corev1.Pod // those that serve from the first step to the last
		users     ask.Client
		questions []ask.Question
		seen      *watch
	)
	const floor = 50

	apply := func(ctx context.Context, change func(*v1alpha1.AirCacheDeployment)) {
		GinkgoHelper()
		wanted, err := harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		wanted.Namespace, wanted.Name = testNamespace, "tuned"
		wanted.Spec.Model.Image.Reference = fromEnv("E2E_MODEL_IMAGE")
		wanted.Spec.Replicas = ptr.To[int32](2)
		wanted.Spec.Cache.KVCacheMiB = ptr.To[int32](16) // three pictures at 100 %
		wanted.Spec.Cache.Retention.MinPercent = floor / 10
		change(wanted)
		Expect(cluster.Apply(ctx, wanted)).To(Succeed())
		object, key = wanted, client.ObjectKeyFromObject(wanted)
	}
	fixedAt := func(percent int32) func(*v1alpha1.AirCacheDeployment) {
		return func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To(percent)
		}
	}
	tuned := func(*v1alpha1.AirCacheDeployment) {}
	tuning := func(ctx context.Context) v1alpha1.PoolTuning {
		if cluster.Get(ctx, key, object) != nil || len(object.Status.Pools) == 0 {
			return v1alpha1.PoolTuning{}
		}
		return object.Status.Pools[0].Tuning
	}
	acked := func(ctx context.Context, permille int32) {
		GinkgoHelper()
		Eventually(seen.value).WithContext(ctx).Should(Equal(permille))
		Eventually(func(ctx context.Context) [2]int32 {
			t := tuning(ctx)
			return [2]int32{t.TargetPermille, t.AckedReplicas}
		}).WithContext(ctx).Should(Equal([2]int32{permille, 2}))
	}
	config := func(ctx context.Context) *corev1.ConfigMap {
		GinkgoHelper()
		c := &corev1.ConfigMap{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: "tuned-tuning"}, c)).To(Succeed())
		return c
	}
	put := func(ctx context.Context, pod *corev1.Pod, body string) (int, string) {
		GinkgoHelper()
		request, err := http.NewRequestWithContext(ctx, http.MethodPut, lab.PodPortURL(pod, 9443, "v1/tuning"), strings.NewReader(body))
		Expect(err).NotTo(HaveOccurred())
		answer, err := http.DefaultClient.Do(request)
		Expect(err).NotTo(HaveOccurred())
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		Expect(err).NotTo(HaveOccurred())
		return answer.StatusCode, string(text)
	}
	underLoad := func(ctx context.Context, happens func(*load.Generator)) load.Summary {
		GinkgoHelper()
		return whileAsking(ctx, users, questions, happens)
	}

	BeforeAll(func(ctx context.Context) {
		var err error
		if lab, err = harness.FindLab(); err != nil {
			Skip("NOT TESTED: the tuner under load and failures. " + err.Error())
		}
		questions, err = ask.Load(inRepository("models/aircache-tiny-samples"))
		Expect(err).NotTo(HaveOccurred())
		apply(ctx, fixedAt(5))
		Eventually(func(ctx context.Context) bool {
			return tuning(ctx).AckedReplicas == 2 && meta.IsStatusConditionTrue(object.Status.Conditions, v1alpha1.ConditionReady)
		}).WithContext(ctx).Should(BeTrue())
		pods, err = cluster.RuntimePods(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		Expect(pods).To(HaveLen(2))
		service := &corev1.Service{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: "tuned"}, service)).To(Succeed())
		users = ask.Client{HTTP: http.DefaultClient, URL: "http://" + service.Spec.ClusterIP, Model: object.Spec.Model.ServedName}
		DeferCleanup(func(ctx context.Context) {
			Expect(cluster.Delete(ctx, object)).To(Succeed())
			Expect(cluster.WaitGone(ctx, object)).To(Succeed())
		})
	})
	BeforeEach(func(ctx context.Context) {
		start, err := observe(ctx, lab, &pods[0])
		Expect(err).NotTo(HaveOccurred())
		seen = watchPods(ctx, lab, pods, start.Applied.TargetPermille)
	})
	AfterEach(func(ctx context.Context) {
		if seen == nil {
			return // skipped
		}
		seen.end()
		now, err := cluster.RuntimePods(ctx, key)
		Expect(err).NotTo(HaveOccurred())
		Expect(harness.SamePods(pods, now)).To(BeTrue(), "pods were replaced")
		Expect(harness.Restarts(now)).To(BeZero(), "pods were restarted")
		Expect(seen.least()).To(BeNumerically(">=", floor))
	})

	It("leaves 5 %, at which these questions fail, as soon as it may, and stays where quality allows in a step of load", func(ctx context.Context) {
		lists, right, recall := ask.Only(questions, "list_row", "list_colour"), 0, 0.0
		for _, q := range lists {
			answer, err := users.Ask(ctx, q, 64)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.RetentionPermille).To(Equal(50))
			if recall += answer.Recall; q.Right(answer.Text) {
				right++
			}
		}
		GinkgoWriter.Printf("at 5 %%: recall %.2f, %d of %d lists right\n", recall/float64(len(lists)), right, len(lists))
		Expect(recall/float64(len(lists))).To(BeNumerically("<", 0.6), "5 %% is good enough: the mix proves nothing")

		apply(ctx, tuned)
		underLoad(ctx, func(*load.Generator) {
			Eventually(seen.value).WithContext(ctx).Should(BeNumerically(">", 200), "a broken quality floor is left at once")
		})
		Eventually(seen.value).WithContext(ctx).Should(BeNumerically(">=", 900), "with nobody there, quality is free")

		calm := seen.value()
		seen.end()
		seen = watchPods(ctx, lab, pods, calm)
		var before float64
		var n int64
		summary := underLoad(ctx, func(*load.Generator) {
			Eventually(func() bool { _, ok := seen.reaction(); return ok }).WithContext(ctx).Should(BeTrue())
			before, n = seen.recall()
			Consistently(seen.least).WithContext(ctx).WithTimeout(20 * time.Second).Should(BeNumerically(">", 200))
		})
		took, _ := seen.reaction()
		sum, count := seen.recall()
		GinkgoWriter.Printf("step of load: KV use at %.0f %% -> acknowledged by both pods in %.2f s; values %v permille; recall %.2f of %d requests; %d answers, %d right, %d errors\n",
			100*kvObjective, took.Seconds(), seen.all(), (sum-before)/float64(max(count-n, 1)), count-n, summary.Answers, summary.Right, summary.Errors)
		AddReportEntry("breach to acknowledged", fmt.Sprintf("%.2f s", took.Seconds()))
		Expect(took).To(BeNumerically("<", 30*time.Second))
		Expect(summary.Errors).To(BeZero(), "%v", summary.LastError)
		Expect(count).To(BeNumerically(">", n))
		Expect((sum-before)/float64(count-n)).To(BeNumerically(">=", 0.55), "60 %% are asked, with a dead band of 2 points")
	})

	It("holds against a ConfigMap that is edited by hand, and against what an attacker sends", func(ctx context.Context) {
		apply(ctx, fixedAt(60))
		acked(ctx, 600)
		old := config(ctx).Data["cpu.json"]
		apply(ctx, fixedAt(40))
		acked(ctx, 400)
		current := config(ctx)
		wanted := current.Data["cpu.json"]
		typed := fmt.Sprintf(`{"uid":%q,"pool":"cpu","epoch":999,"revision":1,"targetPermille":%d}`, object.UID, floor)

		current.Data["cpu.json"] = typed
		Expect(cluster.Update(ctx, current)).To(Succeed())
		Eventually(func(ctx context.Context) string { return config(ctx).Data["cpu.json"] }).WithContext(ctx).Should(Equal(wanted), "it is repaired to the same bytes")
		for i := range pods {
			for _, c := range []struct {
				what, body, code string
				status           int
			}{
				{"what somebody typed", typed, control.CodeNotSigned, 403},
				{"a directive with another value", strings.Replace(wanted, "400", "950", 1), control.CodeBadSignature, 403},
				{"an old directive", old, control.CodeStale, 409},
				{"the directive in force", wanted, `"targetPermille":400`, 200},
			} {
				status, answer := put(ctx, &pods[i], c.body)
				Expect(status).To(Equal(c.status), "%s: %s", c.what, answer)
				Expect(answer).To(ContainSubstring(c.code))
			}
		}
		Expect(seen.value()).To(BeEquivalentTo(400))
		Expect(seen.least()).To(BeNumerically(">=", 400))
	})

	It("holds with half of the pods out of reach, and reaches all of them when the operator dies in the middle of a push", func(ctx context.Context) {
		restore, err := lab.CutOff(ctx, &pods[1])
		Expect(err).NotTo(HaveOccurred())
		back := false
		DeferCleanup(func(ctx context.Context) {
			if !back {
				Expect(restore(ctx)).To(Succeed())
			}
		})
		apply(ctx, fixedAt(55))
		Eventually(func() int32 { return seen.of(&pods[0]).TargetPermille }).WithContext(ctx).Should(BeEquivalentTo(550))
		for _, pod := range operatorPods(ctx) { // its push to the other pod is under way, and fails
			Expect(cluster.Delete(ctx, &pod, client.GracePeriodSeconds(0))).To(Succeed())
		}
		// The kubelet renews the mounted ConfigMap in its own time: from then on the pod has the new value, and nobody knows.
		expectNotPushed := func() {
			GinkgoHelper()
			if seen.of(&pods[1]).TargetPermille == 400 {
				return
			}
			file, err := lab.TuningFile(&pods[1])
			Expect(err).NotTo(HaveOccurred())
			Expect(file).To(ContainSubstring(`\"targetPermille\":550`), "only by its file can it have left its last value")
		}
		expectNotPushed()
		Eventually(func(ctx context.Context) bool { return operatorIsBack(ctx) }).WithContext(ctx).Should(BeTrue())
		Eventually(func(ctx context.Context) string {
			if c := tuning(ctx); c.TargetPermille != 550 || c.AckedReplicas != 1 {
				return fmt.Sprint(c)
			}
			return meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionMetricsAvailable).Reason
		}).WithContext(ctx).Should(Equal(v1alpha1.ReasonPartialScrape))

		apply(ctx, tuned)
		underLoad(ctx, func(*load.Generator) {
			Consistently(func() int32 { return seen.of(&pods[0]).TargetPermille }).WithContext(ctx).WithTimeout(10*time.Second).Should(BeEquivalentTo(550), "half of the pods say too little to move")
		})
		apply(ctx, fixedAt(55))
		expectNotPushed()
		Consistently(func(ctx context.Context) int32 { return tuning(ctx).AckedReplicas }).WithContext(ctx).WithTimeout(3*time.Second).
			Should(BeNumerically("<=", 1), "what nobody heard of is not counted")
		back = true
		Expect(restore(ctx)).To(Succeed())
		acked(ctx, 550)
		Expect(seen.of(&pods[0])).To(HaveField("Revision", seen.of(&pods[1]).Revision))
		Expect(seen.all()).To(ConsistOf(BeEquivalentTo(400), BeEquivalentTo(550)), "no other value was ever applied")
	})

	It("goes on with the next key, without replacing a pod", func(ctx context.Context) {
		before := config(ctx).Data["cpu.json"]
		values, err := harness.ChartValues(fromEnv("E2E_OPERATOR_IMAGE"), fromEnv("E2E_RUNTIME_IMAGE"))
		Expect(err).NotTo(HaveOccurred())
		values["directiveKeys.generation"] = "2"
		Expect(chart.Install(ctx, values)).To(Succeed())
		apply(ctx, fixedAt(45))
		acked(ctx, 450)
		Expect(keyOf(config(ctx).Data["cpu.json"])).NotTo(Equal(keyOf(before)))
	})

	It("holds while the API server is away, under load, and goes on afterwards", func(ctx context.Context) {
		const away = 30 * time.Second // of two minutes: fifteen intervals, and three times what the leader waits for its lease
		apply(ctx, tuned)
		var thawed bool
		summary := underLoad(ctx, func(crowd *load.Generator) {
			Eventually(func() bool { _, ok := seen.reaction(); return ok }).WithContext(ctx).Should(BeTrue())
			thaw, err := lab.Freeze("kube-apiserver")
			Expect(err).NotTo(HaveOccurred())
			defer func() {
				if !thawed {
					Expect(thaw()).To(Succeed())
				}
			}()
			crowd.Take()
			Consistently(seen.least).WithContext(ctx).WithTimeout(away).Should(BeNumerically(">", 200))
			during := crowd.Take()
			Expect(during.Answers).To(BeNumerically(">", 0), "pods serve on")
			Expect(during.Errors).To(BeZero(), "%v", during.LastError)
			thawed = true
			Expect(thaw()).To(Succeed())
		})
		Expect(summary.Errors).To(BeZero(), "%v", summary.LastError)
		Eventually(func(ctx context.Context) bool { return operatorIsBack(ctx) }).WithContext(ctx).Should(BeTrue())
		apply(ctx, fixedAt(70))
		acked(ctx, 700)
	})
})

// keyOf is the name of the key that signed.
func keyOf(directive string) string {
	_, rest, _ := strings.Cut(directive, `"keyID":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}
