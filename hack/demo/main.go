// Command demo shows the whole product on the cluster of KUBECONFIG: it installs
// the chart, applies the sample, asks about pictures, puts load on the pods and
// prints how the operator turns the retention, and removes everything again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"aircache.dev/aircache/e2e/harness"
)

// options are the demo's flags.
type options struct {
	chart, manifest, samples                string
	operatorImage, runtimeImage, modelImage string
	users                                   int
	load, recovery                          time.Duration
	keep                                    bool
}

func main() {
	var o options
	flag.StringVar(&o.chart, "chart", "charts/aircache-operator", "the operator's chart")
	flag.StringVar(&o.manifest, "manifest", "config/samples/cpu-tiny.yaml", "the AirCacheDeployment to apply")
	flag.StringVar(&o.samples, "samples", "models/aircache-tiny-samples", "pictures with questions and answers")
	flag.StringVar(&o.operatorImage, "operator-image", "", "repository:tag of the operator, as the nodes know it (required)")
	flag.StringVar(&o.runtimeImage, "runtime-image", "", "repository:tag of the runtime (required)")
	flag.StringVar(&o.modelImage, "model-image", "", "reference of the model image (required)")
	flag.IntVar(&o.users, "users", 12, "users who ask at once during the load")
	flag.DurationVar(&o.load, "load", time.Minute, "how long the load lasts")
	flag.DurationVar(&o.recovery, "recovery", time.Minute, "how long to wait for the retention to rise after the load")
	flag.BoolVar(&o.keep, "keep", false, "leave the objects in the cluster")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo: failed: "+err.Error())
		os.Exit(1)
	}
	fmt.Println("demo: ok")
}

func run(ctx context.Context, o options) (err error) {
	for name, value := range map[string]string{"-operator-image": o.operatorImage, "-runtime-image": o.runtimeImage, "-model-image": o.modelImage} {
		if value == "" {
			return fmt.Errorf("%s is not set", name)
		}
	}
	if o.users < 1 || o.users > 256 {
		return fmt.Errorf("-users is %d, allowed are 1 to 256", o.users)
	}
	cluster, err := harness.Connect()
	if err != nil {
		return err
	}
	d := &demo{options: o, cluster: cluster, start: time.Now()}
	if !o.keep {
		// Also after Ctrl-C: tearing down has a time of its own.
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
			defer cancel()
			err = errors.Join(err, d.tearDown(ctx))
		}()
	}
	return d.show(ctx)
}
