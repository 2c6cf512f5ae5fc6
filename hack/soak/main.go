// Command soak asks a runtime thousands of mixed requests, among them bad ones, such that are given up and changes of the retention,
// judges every answer, and compares what the process holds (memory, goroutines, file descriptors, KV pages) when nothing runs, from
// early on to the end: nothing may grow. Equal seeds ask the same.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/hack/serving"
)

const modelName = "aircache-tiny"

type options struct {
	aircache, model, samples, json string
	requests, users, parts         int
	seed                           uint64
}

func main() {
	var o options
	flag.StringVar(&o.aircache, "aircache", "bin/aircache", "the runtime's program")
	flag.StringVar(&o.model, "model", "models/aircache-tiny", "folder of the model")
	flag.StringVar(&o.samples, "samples", "models/aircache-tiny-samples", "pictures with questions and answers")
	flag.StringVar(&o.json, "json", "", "file of the report; empty: none")
	flag.IntVar(&o.requests, "requests", 10_000, "requests in all")
	flag.IntVar(&o.users, "users", 14, "requests under way at once")
	flag.IntVar(&o.parts, "parts", 10, "parts after each of which everything ends, and what the process holds is read")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the mix")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak: failed: "+err.Error())
		os.Exit(1)
	}
	fmt.Println("soak: ok")
}

// report is what is written.
type report struct {
	Machine  string         `json:"machine"`
	Requests int            `json:"requests"`
	Users    int            `json:"users"`
	Seed     uint64         `json:"seed"`
	Seconds  float64        `json:"seconds"`
	Kinds    map[string]int `json:"kinds"`
	Outcomes map[string]int `json:"outcomes"`
	Held     []held         `json:"held"` // after each part, with nothing running
}

func run(ctx context.Context, o options) error {
	questions, err := ask.Load(o.samples)
	if err != nil {
		return err
	}
	pictures := httptest.NewServer(http.FileServer(http.Dir(o.samples)))
	defer pictures.Close()
	child, err := serving.Start(ctx, o.aircache, "--model", o.model, "--served-name", modelName, "--backend", "cpu", "--retention-floor-permille", "10",
		"--kv-cache-bytes", "33554432", "--max-queue", "12", "--max-request-bytes", "1048576", "--picture-networks", "127.0.0.0/8", "--shadow-sample-permille", "50")
	if err != nil {
		return err
	}
	defer child.Kill()
	w := &world{child: child, questions: questions, pictures: pictures.URL, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.users}}}
	start := time.Now()
	r := report{Machine: fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		Requests: o.requests, Users: o.users, Seed: o.seed, Kinds: map[string]int{}, Outcomes: map[string]int{}}
	load := &load{seed: o.seed, world: w}
	fmt.Printf("soak: %d requests by %d users, seed %d\n%s\n", o.requests, o.users, o.seed, heading)
	for part := range o.parts {
		from, to := part*o.requests/o.parts, (part+1)*o.requests/o.parts
		if err := load.run(ctx, from, to, o.users, &r); err != nil {
			return child.Explain(err)
		}
		h, err := w.rest(ctx, to)
		if err != nil {
			return child.Explain(err)
		}
		r.Held = append(r.Held, h)
		fmt.Println(h)
	}
	r.Seconds = time.Since(start).Seconds()
	printCounts(&r)
	if o.json != "" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(b, '\n'), 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	if err := grown(r.Held); err != nil {
		return err
	}
	return child.Stop(ctx)
}
