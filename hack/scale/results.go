package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are the figures of one run.
type results struct {
	Commit  string `json:"commit"`
	When    string `json:"when"`
	Machine string `json:"machine"`
	Objects int    `json:"objects"`
	Pods    int    `json:"pods"`

	ObjectsCreatedPerSecond float64 `json:"objectsCreatedPerSecond"`
	ReadySeconds            float64 `json:"readySeconds"`
	Edit                    summary `json:"editToChild"`
	ReconcilesPerSecond     float64 `json:"reconcilesPerSecond"`
	MemoryBytes             int64   `json:"memoryBytes"`
	MemoryPeakBytes         int64   `json:"memoryPeakBytes"`
	AckPods                 int     `json:"ackPods"`
	Ack                     summary `json:"editToAck"`
	AckSpreadMilliseconds   float64 `json:"ackSpreadMilliseconds"`
	Breach2s                summary `json:"breachToRatio2s"`
	Breach15s               summary `json:"breachToRatio15s"`
	SteadyWrites            int     `json:"steadyWrites"`
	SteadySeconds           float64 `json:"steadySeconds"`
	ResyncObjects           int     `json:"resyncObjects"`
	NewObjectMilliseconds   float64 `json:"newObjectMilliseconds"`
	QueueBefore             int     `json:"queueBefore"`
	QueueAfter              int     `json:"queueAfter"`
	UpgradeObjects          int     `json:"upgradeObjects"`
	UpgradePods             int     `json:"upgradePods"`
	UpgradeReplacedPods     int     `json:"upgradeReplacedPods"`
	CRDBytes                int64   `json:"crdBytes"`
}

// summary of a series of times, in milliseconds.
type summary struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// summarize takes the nearest rank: p99 of 200 is the 198th.
func summarize(took []time.Duration) summary {
	if len(took) == 0 {
		return summary{}
	}
	sorted := slices.Sorted(slices.Values(took))
	at := func(percent int) float64 {
		rank := (len(sorted)*percent + 99) / 100
		return milliseconds(sorted[max(rank, 1)-1])
	}
	return summary{Count: len(sorted), P50: at(50), P99: at(99), Max: milliseconds(sorted[len(sorted)-1])}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// figure is a line of the table. It holds when got is no more than limit (no less, with atLeast).
type figure struct {
	name, goal, measured string
	got, limit           float64
	atLeast              bool
}

// holds tells whether the goal is reached, times and rates with some slack: what must be 0 stays so.
func (f figure) holds(slack float64) bool {
	if f.atLeast {
		return f.got*slack >= f.limit
	}
	return f.got <= f.limit*slack
}

func (r *results) figures() []figure {
	const mebi = 1 << 20
	series := func(s summary) string {
		return fmt.Sprintf("p50 %.0f ms, p99 %.0f ms, longest %.0f ms of %d", s.P50, s.P99, s.Max, s.Count)
	}
	return []figure{
		{fmt.Sprintf("spec edit to child patched, %d objects", r.Objects), "p99 <= 250 ms", series(r.Edit), r.Edit.P99, 250, false},
		{"reconciles a second, operator that starts", ">= 50", fmt.Sprintf("%.0f", r.ReconcilesPerSecond), r.ReconcilesPerSecond, 50, true},
		{fmt.Sprintf("memory of the operator (RSS), %d objects, %d pods", r.Objects, r.Pods), "< 128 MiB",
			fmt.Sprintf("%.0f MiB, peak %.0f MiB while they were created", float64(r.MemoryBytes)/mebi, float64(r.MemoryPeakBytes)/mebi), float64(r.MemoryBytes), 128 * mebi, false},
		{fmt.Sprintf("new ratio acknowledged by %d pods of one object, 2 s interval", r.AckPods), "<= 2 s",
			fmt.Sprintf("%.2f s from the edit, %.2f s from the first pod to the last", r.Ack.Max/1000, r.AckSpreadMilliseconds/1000), r.Ack.Max, 2000, false},
		{"KV pressure to lower ratio live, 2 s interval", "< 5 s", series(r.Breach2s), r.Breach2s.Max, 5000, false},
		{"KV pressure to lower ratio live, 15 s interval (default)", "< 20 s", series(r.Breach15s), r.Breach15s.Max, 20000, false},
		{"writes in steady state", "0", fmt.Sprintf("%d in %.0f s", r.SteadyWrites, r.SteadySeconds), float64(r.SteadyWrites), 0, false},
		{fmt.Sprintf("new object to its Deployment, during a resync of %d", r.ResyncObjects), "< 1 s",
			fmt.Sprintf("%.0f ms; queue %d before, %d after", r.NewObjectMilliseconds, r.QueueBefore, r.QueueAfter), r.NewObjectMilliseconds, 1000, false},
		{fmt.Sprintf("operator upgrade with %d objects: pods replaced or restarted", r.UpgradeObjects), "0", fmt.Sprintf("%d of %d", r.UpgradeReplacedPods, r.UpgradePods), float64(r.UpgradeReplacedPods), 0, false},
		{"size of the AirCacheDeployment CRD", "< 64 KiB", fmt.Sprintf("%.1f KiB", float64(r.CRDBytes)/1024), float64(r.CRDBytes), 64 << 10, false},
	}
}

// table is the figures in Markdown.
func (r *results) table() string {
	var text strings.Builder
	text.WriteString("| figure | goal | measured | |\n|---|---|---|---|\n")
	for _, f := range r.figures() {
		verdict := "reached"
		if !f.holds(1) {
			verdict = "**missed**"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", f.name, f.goal, f.measured, verdict)
	}
	fmt.Fprintf(&text, "\n%.0f objects a second got their Deployments while all were created at once; %.0f s after the first create, all %d pods were Ready.\n",
		r.ObjectsCreatedPerSecond, r.ReadySeconds, r.Pods)
	return text.String()
}

// report prints the figures and writes the files.
func (b *bench) report() error {
	r := &b.results
	r.Objects, r.Pods, r.When, r.Machine = b.objects, b.pods, b.started.UTC().Format("2006-01-02"), machine()
	commit, err := exec.Command("git", "-C", b.repo, "describe", "--always", "--dirty").Output()
	if err != nil {
		return fmt.Errorf("asking git for the commit: %w", err)
	}
	r.Commit = strings.TrimSpace(string(commit))
	crd, err := os.Stat(filepath.Join(b.repo, "config/crd/aircache.dev_aircachedeployments.yaml"))
	if err != nil {
		return fmt.Errorf("looking at the CRD: %w", err)
	}
	r.CRDBytes = crd.Size()
	fmt.Printf("\n%s\n%s, commit %s\n\n", r.table(), r.Machine, r.Commit)
	if b.json != "" {
		content, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(b.json, append(content, '\n'), 0o644)
		}
		if err != nil {
			return fmt.Errorf("writing the figures: %w", err)
		}
	}
	if b.document != "" {
		if err := writeInto(b.document, r.table()); err != nil {
			return err
		}
	}
	var missed []string
	for _, f := range r.figures() {
		if !f.holds(b.slack) {
			missed = append(missed, f.name)
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("goals were missed: %s", strings.Join(missed, "; "))
	}
	return nil
}

const (
	beginMark = "<!-- figures: written by make scale -->\n"
	endMark   = "<!-- end of figures -->\n"
)

// writeInto puts the table between the marks of a document.
func writeInto(file, table string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	before, rest, found := strings.Cut(string(content), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !found || !ended {
		return fmt.Errorf("writing %s: the marks %q and %q are not in it", file, beginMark, endMark)
	}
	if err := os.WriteFile(file, []byte(before+beginMark+"\n"+table+"\n"+endMark+after), 0o644); err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	return nil
}

// machine is the processor and the number of cores.
func machine() string {
	model := ""
	if content, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(content)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), cmp.Or(model, runtime.GOARCH))
}
