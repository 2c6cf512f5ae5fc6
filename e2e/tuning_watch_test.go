//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"aircache.dev/aircache/e2e/harness"
	"aircache.dev/aircache/runtime/control"
)

// watch looks at pods ten times a second, past the API server, and remembers what they applied.
type watch struct {
	pods []corev1.Pod
	lab  harness.Lab
	stop context.CancelFunc
	done chan struct{}

	mu       sync.Mutex
	newest   map[string]control.Observation // by pod
	lowest   int32
	values   map[int32]bool
	breached time.Time // when a pod first showed KV use at the objective
	settled  time.Time // when all pods first applied one value other than at the start
	start    int32
	lost     int // looks without an answer
}

const kvObjective = 0.8

func watchPods(ctx context.Context, lab harness.Lab, pods []corev1.Pod, start int32) *watch {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &watch{pods: pods, lab: lab, stop: stop, done: make(chan struct{}), newest: map[string]control.Observation{}, lowest: 1000, values: map[int32]bool{}, start: start}
	go func() {
		defer close(w.done)
		ticks := time.NewTicker(100 * time.Millisecond)
		defer ticks.Stop()
		for ctx.Err() == nil {
			for i := range pods {
				seen, err := observe(ctx, lab, &pods[i])
				w.note(pods[i].Name, seen, err)
			}
			select {
			case <-ctx.Done():
			case <-ticks.C:
			}
		}
	}()
	return w
}

func observe(ctx context.Context, lab harness.Lab, pod *corev1.Pod) (control.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, lab.PodPortURL(pod, 9443, "v1/observation"), nil)
	if err != nil {
		return control.Observation{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return control.Observation{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return control.Observation{}, fmt.Errorf("observing pod %s: %s", pod.Name, answer.Status)
	}
	return control.DecodeObservation(answer.Body)
}

func (w *watch) note(pod string, seen control.Observation, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.lost++
		return
	}
	w.newest[pod] = seen
	w.lowest = min(w.lowest, seen.Applied.TargetPermille)
	w.values[seen.Applied.TargetPermille] = true
	if w.breached.IsZero() && seen.KV.UsagePeakRatio >= kvObjective {
		w.breached = time.Now()
	}
	if v, same := w.same(); w.settled.IsZero() && !w.breached.IsZero() && same && v != w.start {
		w.settled = time.Now()
	}
}

// same is the value that all pods apply. The mutex is held.
func (w *watch) same() (int32, bool) {
	value := int32(-1)
	for _, seen := range w.newest {
		if value >= 0 && value != seen.Applied.TargetPermille {
			return 0, false
		}
		value = seen.Applied.TargetPermille
	}
	return value, len(w.newest) == len(w.pods)
}

// value is what all pods apply now, -1 while they differ.
func (w *watch) value() int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v, same := w.same(); same {
		return v
	}
	return -1
}

func (w *watch) of(pod *corev1.Pod) control.Ack {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newest[pod.Name].Applied
}

func (w *watch) all() []int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []int32
	for v := range w.values {
		list = append(list, v)
	}
	return list
}

// recall is the sum over all pods, for the mean between two moments.
func (w *watch) recall() (sum float64, count int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, seen := range w.newest {
		sum, count = sum+seen.Quality.RecallSum, count+seen.Quality.RecallCount
	}
	return sum, count
}

func (w *watch) reaction() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settled.Sub(w.breached), !w.settled.IsZero()
}

func (w *watch) least() int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lowest
}

func (w *watch) end() { w.stop(); <-w.done }
