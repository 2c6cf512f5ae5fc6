package policy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/controllers/tuner"
	"aircache.dev/aircache/hack/tunersim/plant"
)

var update = flag.Bool("update", false, "write the golden stories")

// storyteller writes what a person would want to know of a run: changes, pods that come and go, what is said of metrics and of replicas.
type storyteller struct {
	strings.Builder
	last map[int]said
}

type said struct {
	pods, replicas             int
	metrics, objective, reason string
}

func (s *storyteller) see(f *plant.Fleet, pool int, m tuner.Sample, c Choice) {
	d, before := c.Decision, s.last[pool]
	now := said{f.Replicas(pool), int(d.Replicas.Recommended), d.Metrics.Reason, d.Objectives.Reason, string(d.Reason)}
	if now.replicas == 0 {
		now.replicas = before.replicas
	}
	s.last[pool] = now
	say := func(format string, args ...any) {
		fmt.Fprintf(s, "%5.0fs pool %d ", f.Now(), pool)
		fmt.Fprintf(s, format+"\n", args...)
	}
	if now.pods != before.pods {
		say("-- %d pods serve, %d before", now.pods, before.pods)
	}
	if now.metrics != before.metrics {
		say("metrics %s: %s", d.Metrics.Reason, d.Metrics.Message)
	}
	if d.Action != tuner.Hold { // a trial's start and end too
		say("run %.0f wait %.0f  %s %s: %s", m.Running, m.Waiting, d.Action, d.Reason, d.Message)
	}
	if now.reason != before.reason && (now.reason == string(tuner.ReasonCompressionCannotHelp) || now.reason == string(tuner.ReasonAtFloor)) && before.objective == now.objective {
		say("run %.0f wait %.0f  %s: %s", m.Running, m.Waiting, d.Reason, d.Message)
	}
	if now.replicas != before.replicas && d.Replicas.Recommended > 0 {
		say("%s", d.Replicas.Message)
	}
}

// The traces' stories, each cut to the time in which it happens.
func TestStories(t *testing.T) {
	ends := map[string]float64{
		"step": 6600, "prefill bound": 3600, "growth": 3000, "two GPU types": 1800, "rollout": 5400, "HPA": 3600, "spot loss": 5400,
		"recall cliff": 2400, "unguarded cliff": 6000, "lying metrics": 1200, "picture sizes": 4800, "text": 3000,
	}
	for _, trace := range plant.Traces() {
		end, told := ends[trace.Name]
		if !told {
			continue
		}
		t.Run(trace.Name, func(t *testing.T) {
			trace.Seconds = end
			s := &storyteller{last: map[int]said{}}
			fmt.Fprintf(s, "%s: %s\n", trace.Name, trace.About)
			Run(&trace, Ours, s.see)
			file := filepath.Join("testdata", strings.ReplaceAll(strings.ToLower(trace.Name), " ", "-")+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(s.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (go test ./hack/tunersim/policy -update writes it)", err)
			}
			if s.String() != string(want) {
				t.Errorf("the story differs from %s (go test ./hack/tunersim/policy -update, then review):\n%s", file, s)
			}
		})
	}
}
