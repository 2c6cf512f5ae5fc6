package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// held is what the process holds while nothing runs.
type held struct {
	After      int   `json:"after"` // requests
	Resident   int64 `json:"resident_bytes"`
	Heap       int64 `json:"heap_bytes"` // in use, at the last collection or since
	Goroutines int   `json:"goroutines"`
	Files      int   `json:"file_descriptors"`
	PagesUsed  int   `json:"kv_pages_used"`
	Panics     int   `json:"panics"`
}

const heading = " requests  resident MiB  heap MiB  goroutines  files  pages used"

func (h held) String() string {
	return fmt.Sprintf("%9d %13.1f %9.1f %11d %6d %11d", h.After, float64(h.Resident)/(1<<20), float64(h.Heap)/(1<<20), h.Goroutines, h.Files, h.PagesUsed)
}

// restTime is how long everything that was asked may take to end.
const restTime = 2 * time.Minute

// rest waits until nothing runs, and reads what is held then. Idle connections of this side are closed: each has a goroutine there.
func (w *world) rest(ctx context.Context, after int) (held, error) {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		w.http.CloseIdleConnections()
		m, err := w.metrics(ctx)
		if err != nil {
			return held{}, err
		}
		quiet := m.value("vllm:num_requests_running")+m.value("vllm:num_requests_waiting") == 0 && m.state("aircache_kv_pages", "used") == 0
		if quiet {
			files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.child.PID()))
			if err != nil {
				return held{}, fmt.Errorf("counting the runtime's files: %w", err)
			}
			h := held{After: after, Resident: int64(m.value("process_resident_memory_bytes")), Heap: int64(m.value("go_memstats_heap_inuse_bytes")),
				Goroutines: int(m.value("go_goroutines")), Files: len(files), PagesUsed: int(m.state("aircache_kv_pages", "used")), Panics: int(m.value("aircache_panics_total"))}
			return h, nil
		}
		select {
		case <-ctx.Done():
			return held{}, fmt.Errorf("after %d requests something still runs or holds pages: %v running, %v waiting, %v pages used",
				after, m.value("vllm:num_requests_running"), m.value("vllm:num_requests_waiting"), m.state("aircache_kv_pages", "used"))
		case <-tick.C:
		}
	}
}

// metrics of the process by name.
type metrics map[string]*dto.MetricFamily

func (w *world) metrics(ctx context.Context) (metrics, error) {
	response, err := w.get(ctx, w.child.API+"/metrics")
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	return families, nil
}

func (m metrics) value(name string) float64 {
	f := m[name]
	if f == nil || len(f.Metric) == 0 {
		return 0
	}
	return number(f.Metric[0])
}

func (m metrics) state(name, state string) float64 {
	if f := m[name]; f != nil {
		for _, metric := range f.Metric {
			for _, l := range metric.Label {
				if l.GetName() == "state" && l.GetValue() == state {
					return number(metric)
				}
			}
		}
	}
	return 0
}

func number(m *dto.Metric) float64 {
	switch {
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	case m.Counter != nil:
		return m.Counter.GetValue()
	default:
		return m.Untyped.GetValue()
	}
}

// Bounds of growth from the end of the second part, when all that grows to its size has grown, to the end of the last.
const (
	moreResident   = 16 << 20
	moreGoroutines = 4
	moreFiles      = 4
)

// grown names what is more at the end than early on.
func grown(all []held) error {
	if len(all) < 3 {
		return nil // too short to tell
	}
	early, last := all[1], all[len(all)-1]
	var grew []string
	note := func(what string, from, to, allowed int64) {
		if to > from+allowed {
			grew = append(grew, fmt.Sprintf("%s from %d to %d", what, from, to))
		}
	}
	note("resident bytes", early.Resident, last.Resident, moreResident)
	note("goroutines", int64(early.Goroutines), int64(last.Goroutines), moreGoroutines)
	note("file descriptors", int64(early.Files), int64(last.Files), moreFiles)
	note("panics", 0, int64(last.Panics), 0)
	if len(grew) > 0 {
		return fmt.Errorf("between %d and %d requests grew: %s", early.After, last.After, strings.Join(grew, ", "))
	}
	return nil
}

func printCounts(r *report) {
	fmt.Printf("%d requests in %.0f s\n", r.Requests, r.Seconds)
	for _, list := range []map[string]int{r.Kinds, r.Outcomes} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			fmt.Printf("%7d %s\n", list[name], name)
		}
		fmt.Println()
	}
}
