package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/runtime/control"
)

const controlPort = 9443

// Observed is what all pods of an object see of themselves, put together.
type Observed struct {
	Pods              int
	KVUse, KVPeak     float64 // of the fullest pod, 0 to 1: now, and the highest of the last 15 s
	RetentionPermille int32   // of the lowest pod
	Revision          int64   // of the pod that is furthest behind
	recallSum         float64
	recallCount       int64
}

// RecallSince is the mean recall of the requests between two observations; -1 when there were none.
func (o Observed) RecallSince(previous Observed) float64 {
	n := o.recallCount - previous.recallCount
	if n <= 0 {
		return -1
	}
	return (o.recallSum - previous.recallSum) / float64(n)
}

// Observe reads the control port of every pod.
func (c *Cluster) Observe(ctx context.Context, key client.ObjectKey) (Observed, error) {
	pods, err := c.RuntimePods(ctx, key)
	if err != nil {
		return Observed{}, err
	}
	var all Observed
	for i := range pods {
		one, err := c.observePod(ctx, &pods[i])
		if err != nil {
			return Observed{}, fmt.Errorf("observing pod %s: %w", pods[i].Name, err)
		}
		if all.Pods == 0 {
			all.RetentionPermille, all.Revision = one.Applied.TargetPermille, one.Applied.Revision
		}
		all.Pods++
		all.KVUse = max(all.KVUse, one.KV.UsageRatio)
		all.KVPeak = max(all.KVPeak, one.KV.UsagePeakRatio)
		all.RetentionPermille = min(all.RetentionPermille, one.Applied.TargetPermille)
		all.Revision = min(all.Revision, one.Applied.Revision)
		all.recallSum += one.Quality.RecallSum
		all.recallCount += one.Quality.RecallCount
	}
	if all.Pods == 0 {
		return Observed{}, fmt.Errorf("observing %s: it has no pod", key)
	}
	return all, nil
}

func (c *Cluster) observePod(ctx context.Context, pod *corev1.Pod) (control.Observation, error) {
	var o control.Observation
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.PodURL(pod, controlPort, "v1/observation"), nil)
	if err != nil {
		return o, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return o, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return o, err
	}
	if resp.StatusCode != http.StatusOK {
		return o, fmt.Errorf("%s: %s", resp.Status, raw)
	}
	return o, json.Unmarshal(raw, &o)
}
