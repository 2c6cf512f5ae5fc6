package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"aircache.dev/aircache/api/v1alpha1"
)

var update = flag.Bool("update", false, "write testdata")

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

func TestStatusForPeople(t *testing.T) {
	d := &v1alpha1.AirCacheDeployment{ObjectMeta: metav1.ObjectMeta{Namespace: "vision", Name: "docs", Generation: 4}}
	d.Status = v1alpha1.AirCacheDeploymentStatus{
		ObservedGeneration: 3, ReadyReplicas: 2, DesiredReplicas: 3, URL: "http://docs.vision.svc", Retention: "l40s 40%, a100 100%", Latency: "itl p95 38 ms",
		Conditions: []metav1.Condition{
			{Type: "Ready", Status: "True", Reason: "Degraded", Message: "2 of 3 pods are ready", LastTransitionTime: ago(3 * time.Minute)},
			{Type: "TuningActive", Status: "True", Reason: "Adjusting", Message: "the cache is full", LastTransitionTime: ago(40 * time.Hour)},
		},
		Pools: []v1alpha1.PoolStatus{
			{Name: "l40s", Product: "NVIDIA L40S", DesiredReplicas: 2, ReadyReplicas: 2,
				Tuning:  v1alpha1.PoolTuning{TargetPermille: 400, LowerBoundPermille: 125, UpperBoundPermille: 1000, AckedReplicas: 2, RecommendedReplicas: 3},
				Quality: v1alpha1.PoolQuality{RecallPermille: 912, AgreementPermille: 985},
				Decisions: []v1alpha1.Decision{
					{Time: ago(5 * time.Minute), Action: "Lower", FromPermille: 1000, ToPermille: 700, Reason: "KVPressure", Message: "KV use 97 %, objective 85 %"},
					{Time: ago(20 * time.Second), Action: "Lower", FromPermille: 700, ToPermille: 400, Reason: "KVPressure", Message: "KV use 91 %, objective 85 %"},
				}},
			{Name: "a100", DesiredReplicas: 1, PendingReplicas: 1, CapacityReason: "Unschedulable", Tuning: v1alpha1.PoolTuning{TargetPermille: 1000, LowerBoundPermille: 200, UpperBoundPermille: 1000}},
		},
	}
	var out bytes.Buffer
	if err := writeStatus(&out, d, now); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/status.txt"
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-want +got; go test ./cmd/kubectl-aircache -update)\n%s", diff)
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	empty := t.TempDir() + "/kubeconfig"
	if err := os.WriteFile(empty, []byte("apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\ncontexts: [{name: a, context: {cluster: a, namespace: vision}}]\ncurrent-context: a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"no name", "accepts 1 arg(s)", []string{"status"}},
		{"no such kubeconfig", "finding the cluster", []string{"status", "docs", "--kubeconfig=/nowhere"}},
		{"no such context", `context "b" does not exist`, []string{"status", "docs", "--kubeconfig=" + empty, "--context=b"}},
		{"no answer, and the context's namespace", "docs in namespace vision", []string{"status", "docs", "--kubeconfig=" + empty}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := root()
			cmd.SetArgs(c.args)
			cmd.SetOut(io.Discard)
			cmd.SetErr(io.Discard)
			if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}
