// Command chaos breaks what is around the operator, and the operator itself, at times that a seed decides, and holds what it does
// against invariants: make chaos.
//
// It runs inside a lab with real etcd, API server and controllers, KWOK's nodes, two operators of which one leads, and a fleet that plays
// the pods' runtimes. The same seed makes the same faults in the same order.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	seed      uint64
	length    time.Duration
	objects   int
	converge  time.Duration
	repo, dir string
	json      string
	planOnly  bool
}

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "decides the faults; a run is replayed by its seed, -for and -objects")
	flag.DurationVar(&o.length, "for", 30*time.Minute, "how long faults are made, without the waits between them")
	flag.IntVar(&o.objects, "objects", 8, "AirCacheDeployments")
	flag.DurationVar(&o.converge, "converge", 90*time.Second, "how soon after the last fault everything must be as it should")
	flag.StringVar(&o.repo, "repo", ".", "root of the repository")
	flag.StringVar(&o.dir, "dir", "bin/chaos.out", "folder for the operators' logs")
	flag.StringVar(&o.json, "json", "", "file of the report; empty: none")
	flag.BoolVar(&o.planOnly, "plan", false, "print the faults and end")
	flag.Parse()
	if o.objects < 1 || o.objects > 200 || o.length < 10*time.Second || o.converge < time.Second {
		fmt.Fprintln(os.Stderr, "chaos: -objects must be from 1 to 200, -for 10 s or more, -converge 1 s or more")
		os.Exit(2)
	}
	if o.planOnly {
		fmt.Print(text(plan(o.seed, o.length, o.objects)))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "chaos: failed: %v\nchaos: replay it with -seed %d -for %s -objects %d\n", err, o.seed, o.length, o.objects)
		os.Exit(1)
	}
	fmt.Println("chaos: ok")
}

func run(ctx context.Context, o options) (err error) {
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return fmt.Errorf("finding the folder for logs: %w", err)
	}
	if err := errors.Join(os.RemoveAll(o.dir), os.MkdirAll(o.dir, 0o755)); err != nil {
		return fmt.Errorf("making the folder for logs: %w", err)
	}
	limit := 10*o.length + 10*time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s are over", limit))
	defer cancel()
	c, err := begin(ctx, o)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.makeFaults(ctx); err != nil {
		return err
	}
	return c.report()
}
