// Command scale measures the operator with many objects, inside the lab: make scale.
//
// The control plane and the controllers of Deployments and ReplicaSets are real; nodes are KWOK's, and a fleet plays the runtimes of
// their pods. It prints each figure beside its goal, and writes them as JSON and as a document.
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
	objects, pods, edits int
	resync               int // objects that a new one competes with
	quiet                time.Duration
	limit                time.Duration
	slack                float64 // of the goals before the run fails
	repo, dir            string
	json, document       string
	profiles             bool
}

func main() {
	var o options
	flag.IntVar(&o.objects, "objects", 1000, "AirCacheDeployments")
	flag.IntVar(&o.pods, "pods", 2000, "pods of all of them, and of the one wide object")
	flag.IntVar(&o.edits, "edits", 200, "edits of a spec that are timed")
	flag.IntVar(&o.resync, "resync", 6000, "objects in the queue before a new one")
	flag.DurationVar(&o.quiet, "quiet", time.Minute, "how long to look for writes while nothing happens")
	flag.DurationVar(&o.limit, "limit", 40*time.Minute, "the whole run's limit")
	flag.StringVar(&o.repo, "repo", ".", "root of the repository")
	flag.StringVar(&o.dir, "dir", "bin/scale.out", "folder for the operator's logs and profiles")
	flag.StringVar(&o.json, "json", "", "file to write the figures to")
	flag.StringVar(&o.document, "document", "", "file to write them to for reading")
	flag.Float64Var(&o.slack, "slack", 1, "times by which goals may be missed before the run fails: a machine that others use is slow; what must be 0 has no slack")
	flag.BoolVar(&o.profiles, "profiles", false, "write heap and CPU profiles of the operator")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "scale: failed: "+err.Error())
		os.Exit(1)
	}
	fmt.Println("scale: ok")
}

func (o options) check() error {
	switch {
	case o.objects < 10 || o.objects > 5000:
		return fmt.Errorf("-objects is %d, allowed are 10 to 5000", o.objects)
	case o.pods < o.objects || o.pods > 20000:
		return fmt.Errorf("-pods is %d, allowed are %d (one an object) to 20000", o.pods, o.objects)
	case o.edits < 1 || o.edits > 10000:
		return fmt.Errorf("-edits is %d, allowed are 1 to 10000", o.edits)
	case o.resync < o.objects || o.resync > 20000:
		return fmt.Errorf("-resync is %d, allowed are %d (-objects) to 20000", o.resync, o.objects)
	}
	return nil
}

func run(ctx context.Context, o options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return fmt.Errorf("finding the folder for logs: %w", err)
	}
	if err := errors.Join(os.RemoveAll(o.dir), os.MkdirAll(o.dir, 0o755)); err != nil {
		return fmt.Errorf("making the folder for logs: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("%s are over", o.limit))
	defer cancel()
	b, err := begin(ctx, o)
	if err != nil {
		return err
	}
	defer b.end()
	for _, phase := range phases {
		if err := b.run(ctx, phase); err != nil {
			return err
		}
	}
	return b.report()
}
