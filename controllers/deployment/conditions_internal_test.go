package deployment

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"aircache.dev/aircache/api/v1alpha1"
)

func TestPoolProgress(t *testing.T) {
	live := func(observed int64, replicas, updated, ready int32) *appsv1.Deployment {
		d := &appsv1.Deployment{Status: appsv1.DeploymentStatus{
			ObservedGeneration: observed, Replicas: replicas, UpdatedReplicas: updated, ReadyReplicas: ready,
		}}
		d.Generation = 2
		return d
	}
	for _, c := range []struct {
		name string
		pool poolState
		want string
	}{
		{"a pool that does not exist yet is scaling", poolState{wanted: 2}, "Scaling: pool l40s: 0 of 2 pods exist"},
		{"a pool that no controller has seen is scaling", poolState{wanted: 2, live: live(0, 0, 0, 0)}, "Scaling: pool l40s: 0 of 2 pods exist"},
		{"a change that was not taken up is rolling out", poolState{wanted: 2, live: live(1, 2, 2, 2)}, "RollingOut: pool l40s: the change has not been taken up yet"},
		{"old pods beside new ones are a rollout", poolState{wanted: 2, live: live(2, 3, 1, 2)}, "RollingOut: pool l40s: 2 of 3 pods have an older template"},
		{"fewer pods than wanted are scaling", poolState{wanted: 4, live: live(2, 2, 2, 2)}, "Scaling: pool l40s: 2 of 4 pods exist"},
		{"more pods than wanted are scaling", poolState{wanted: 1, live: live(2, 2, 2, 2)}, "Scaling: pool l40s: 2 of 1 pods exist"},
		{"a pod without a node waits for it", poolState{wanted: 2, live: live(2, 2, 2, 1), podState: podSummary{unscheduled: 1, capacity: "no GPU"}},
			"WaitingForNodes: pool l40s: 1 of 2 pods have no node: no GPU"},
		{"a pod that is not ready loads the model", poolState{wanted: 2, live: live(2, 2, 2, 1)}, "LoadingModel: pool l40s: 1 of 2 pods are ready"},
		{"a pod that ends drains", poolState{wanted: 2, live: live(2, 2, 2, 2), podState: podSummary{terminating: 1}}, "Draining: pool l40s: pods that finish their requests: 1"},
		{"all is done", poolState{wanted: 2, live: live(2, 2, 2, 2)}, ""},
		{"none is wanted and none exists", poolState{wanted: 0, live: live(2, 0, 0, 0)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.pool.name = "l40s"
			got := ""
			if found := poolProgress(c.pool); found != nil {
				got = found.reason + ": " + found.message
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRetentionText(t *testing.T) {
	pool := func(name string, permille int32) v1alpha1.PoolStatus {
		return v1alpha1.PoolStatus{Name: name, Tuning: v1alpha1.PoolTuning{TargetPermille: permille}}
	}
	for want, pools := range map[string][]v1alpha1.PoolStatus{
		"50%":                  {pool("l40s", 500)},
		"12.5%":                {pool("l40s", 125), pool("a100", 125)},
		"l40s 50%, a100 82.5%": {pool("l40s", 500), pool("a100", 825)},
		"":                     nil,
	} {
		if got := retentionText(pools); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestClipKeepsWholeCharacters(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{{"short", 5, "short"}, {"longer", 5, "long…"}, {"ääääää", 3, "ää…"}} {
		if got := clip(c.text, c.limit); got != c.want {
			t.Errorf("clip(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}
