package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"

	"aircache.dev/aircache/hack/tunersim/plant"
	"aircache.dev/aircache/hack/tunersim/policy"
)

// Report is what docs/tuning/report.json holds: each trace under each policy.
type Report struct {
	Seeds    int
	Traces   []string
	Policies []string
	Results  []plant.Result
}

func (r Report) write(file string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err == nil {
		err = os.WriteFile(file, append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// figures lists the numbers of a result, so that nothing forgets one.
func figures(r *plant.Result) []*float64 {
	return []*float64{
		&r.TTFTAttained, &r.ITLAttained, &r.Agreed, &r.Attained, &r.KVAttained, &r.MeanRetention, &r.MeanRecall, &r.ReplicaHours, &r.ChangesHour,
		&r.TTFTP95, &r.ITLP95, &r.Tried, &r.TrialsHour,
	}
}

// mean is of the same trace and policy with several seeds.
func mean(results []plant.Result) plant.Result {
	out := results[0]
	for _, r := range results[1:] {
		out.Requests += r.Requests
		for i, v := range figures(&r) {
			*figures(&out)[i] += *v
		}
	}
	for _, v := range figures(&out) {
		*v /= float64(len(results))
	}
	return out
}

// rounded keeps what the table shows, and a digit more.
func rounded(r plant.Result) plant.Result {
	for _, v := range figures(&r) {
		*v = math.Round(1e4**v) / 1e4
	}
	return r
}

func read(file string) (r Report, err error) {
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("reading the report: %w", err)
	}
	return r, nil
}

// at is one result; nil when it was not played.
func (r Report) at(trace, policy string) *plant.Result {
	for i := range r.Results {
		if r.Results[i].Trace == trace && r.Results[i].Policy == policy {
			return &r.Results[i]
		}
	}
	return nil
}

// worth makes one number of a result, in points: a point for each percent of requests that met all of their objectives, less for replicas
// that were paid beyond those of the oracle, and retention as the least of it: a percent of it is worth weight points.
func (r Report) worth(p plant.Result, weight float64) float64 {
	paid := 0.0
	if best := r.at(p.Trace, policy.Oracle); best != nil {
		paid = 100 * (p.ReplicaHours/best.ReplicaHours - 1)
	}
	return 100*p.Attained + weight*(100*p.MeanRetention-paid)
}

// sum is a policy's worth over all traces.
func (r Report) sum(policy string, weight float64) (points float64) {
	for _, p := range r.Results {
		if p.Policy == policy {
			points += r.worth(p, weight)
		}
	}
	return points
}

// weights of a percent of retention in points of attainment; the first is the one that is drawn.
var weights = []float64{0.2, 0.5, 0.1, 0.05}

// Markdown is the report as tables.
func (r Report) Markdown() string {
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row("trace", "policy", "all met", "TTFT", "ITL", "agreement", "KV", "retention", "recall", "replica h", "changes/h", "tried", "trials/h")
	row("---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---")
	for _, p := range r.Results {
		row(p.Trace, p.Policy, percent(p.Attained), percent(p.TTFTAttained), percent(p.ITLAttained), percent(p.Agreed), percent(p.KVAttained),
			percent(p.MeanRetention), fmt.Sprintf("%.2f", p.MeanRecall), fmt.Sprintf("%.1f", p.ReplicaHours), fmt.Sprintf("%.1f", p.ChangesHour),
			percent(p.Tried), fmt.Sprintf("%.1f", p.TrialsHour))
	}
	b.WriteString("\n")
	b.WriteString(r.Sums())
	return b.String()
}

// Sums is the table of the policies over all traces.
func (r Report) Sums() string {
	var b strings.Builder
	b.WriteString("| policy | attained | retention | replica h |")
	for _, w := range weights {
		fmt.Fprintf(&b, " points at %g |", w)
	}
	b.WriteString("\n|" + strings.Repeat("---|", 4+len(weights)) + "\n")
	for _, name := range r.Policies {
		var attained, retention, hours, n float64
		for _, p := range r.Results {
			if p.Policy == name {
				attained, retention, hours, n = attained+p.Attained, retention+p.MeanRetention, hours+p.ReplicaHours, n+1
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.1f |", name, percent(attained/n), percent(retention/n), hours)
		for _, w := range weights {
			fmt.Fprintf(&b, " %.1f |", r.sum(name, w)/n)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Against is the table of the goals: the tuner beside the oracle.
func (r Report) Against() string {
	var b strings.Builder
	b.WriteString("| trace | attained, tuner | oracle | points | oracle of the present | points | retention, tuner | oracle | share |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, t := range r.Traces {
		ours, best, present := r.at(t, policy.Ours), r.at(t, policy.Oracle), r.at(t, policy.OracleNow)
		if ours == nil || best == nil || present == nil {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %+.1f | %s | %+.1f | %s | %s | %+.0f %% |\n", t, percent(ours.Attained), percent(best.Attained), 100*(ours.Attained-best.Attained),
			percent(present.Attained), 100*(ours.Attained-present.Attained),
			percent(ours.MeanRetention), percent(best.MeanRetention), 100*(ours.MeanRetention/best.MeanRetention-1))
	}
	return b.String()
}

func percent(share float64) string { return fmt.Sprintf("%.1f", 100*share) }
