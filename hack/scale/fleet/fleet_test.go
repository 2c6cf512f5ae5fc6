package fleet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"aircache.dev/aircache/controllers/observe"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/runtime/control"
)

var (
	key    = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	object = types.NamespacedName{Namespace: "n", Name: "docs"}
)

const address = "127.83.70.9"

func pod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "docs-cpu-1", UID: "p-1", Labels: map[string]string{render.LabelDeployment: "docs", render.LabelPool: "cpu"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: render.ContainerName, Args: []string{
			"serve", "--retention-permille=1000", "--retention-floor-permille=100", "--retention-ceiling-permille=1000",
			"--deployment-uid=u-1", "--tuning-public-key=" + control.EncodePublicKey(key.Public().(ed25519.PublicKey)),
		}}}},
		Status: corev1.PodStatus{PodIP: address, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

func running(t *testing.T) *Fleet {
	t.Helper()
	f := New(clock.RealClock{})
	t.Cleanup(func() { _ = f.Close() })
	if err := f.Saw(pod()); err != nil {
		t.Fatal(err)
	}
	return f
}

func signed(t *testing.T, with ed25519.PrivateKey, target int32, revision int64) []byte {
	t.Helper()
	body, err := control.Tuning{UID: "u-1", Pool: "cpu", Epoch: 1, Revision: revision, TargetPermille: target, FloorPermille: 100}.Sign(with)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func put(t *testing.T, body []byte) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodPut, fmt.Sprintf("http://%s:%d/v1/tuning", address, render.ControlPort), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestPretendedPodTakesDirectivesByTheRulesOfARealOne(t *testing.T) {
	f := running(t)
	if code := put(t, signed(t, key, 700, 2)); code != http.StatusOK {
		t.Errorf("a good directive is answered %d", code)
	}
	stranger := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	for name, body := range map[string][]byte{
		"signed by a stranger": signed(t, stranger, 500, 3), "not signed": []byte(`{"targetPermille":500,"revision":3}`),
		"below the floor": signed(t, key, 99, 3), "from the past": signed(t, key, 800, 1),
	} {
		if code := put(t, body); code == http.StatusOK {
			t.Errorf("a directive %s is taken", name)
		}
	}
	if pods := f.Pods(object); len(pods) != 1 || pods[0].Ack.TargetPermille != 700 {
		t.Errorf("the pods are %+v", pods)
	}
}

func TestPretendedPodReadsItsMountedFile(t *testing.T) {
	f := running(t)
	var heard []int32
	f.OnApplied = func(a Applied) { heard = append(heard, a.From, a.Ack.TargetPermille) }
	f.SawConfigMap(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: render.TuningName("docs")}, Data: map[string]string{"cpu.json": string(signed(t, key, 600, 5))},
	})
	if fmt.Sprint(heard) != "[1000 600]" {
		t.Errorf("heard %v", heard)
	}
}

func TestOperatorUnderstandsTheMetrics(t *testing.T) {
	f := running(t)
	f.SetUsage(object, 0.95)
	put(t, signed(t, key, 700, 2))
	scraper := &observe.Scraper{Client: http.DefaultClient, Clock: clock.RealClock{}, Timeout: 5 * time.Second, Parallel: 1}
	result := scraper.Scrape(context.Background(), []observe.Pod{{UID: "p-1", URL: fmt.Sprintf("http://%s:%d/metrics", address, render.HTTPPort)}}, time.Second)[0]
	if result.Err != nil || result.Snapshot.Usage != 0.95 || result.Snapshot.RetentionPermille != 700 || result.Snapshot.Applied().Revision != 2 || result.Snapshot.Counters.Finished != 1 {
		t.Errorf("got %+v, %v", result.Snapshot, result.Err)
	}
}

func TestExpositionIsAsLongAsARealOne(t *testing.T) {
	var out bytes.Buffer
	shared.write(&out, values{target: 500, usage: 0.25})
	if len(sample) < 40<<10 || out.Len() < len(sample)/4 || len(shared.places) < len(values{}.all()) {
		t.Errorf("%d bytes, %d of text, with %d places", out.Len(), len(sample), len(shared.places))
	}
}

func TestPodThatIsDeletedAnswersNoMore(t *testing.T) {
	f := running(t)
	ending := pod()
	ending.DeletionTimestamp = &metav1.Time{}
	ending.DeletionTimestamp.Time = time.Unix(1, 0)
	if err := f.Saw(ending); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + address + ":8000/metrics"); err == nil || len(f.Pods(object)) != 0 {
		t.Error("it still answers")
	}
}

func TestPodWithArgumentsThatNoRuntimeTakesIsAnError(t *testing.T) {
	broken := pod()
	broken.Spec.Containers[0].Args = []string{"serve", "--retention-floor-permille=low"}
	f := New(clock.RealClock{})
	defer f.Close()
	if err := f.Saw(broken); err == nil || !strings.Contains(err.Error(), "--retention-floor-permille") {
		t.Errorf("got %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("over"))
	if err := Wait(ctx, time.Millisecond, func() bool { return false }); err == nil || err.Error() != "over" {
		t.Errorf("got %v", err)
	}
}
