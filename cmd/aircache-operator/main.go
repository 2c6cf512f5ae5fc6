// Command aircache-operator reconciles AirCacheDeployments and tunes the retention of their pods.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/directive"
	"aircache.dev/aircache/controllers/observe"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/tuning"
)

// version is set by the build.
var version = "devel"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "keygen" {
		end(keygen(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
		return
	}
	o, err := parse(os.Args[1:], os.Stderr)
	if err == nil && o.version {
		fmt.Println("aircache-operator " + version)
		return
	}
	if err == nil {
		err = run(ctrl.SetupSignalHandler(), o)
	}
	end(err)
}

func end(err error) {
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "aircache-operator: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	log := o.logger(os.Stderr)
	ctrl.SetLogger(log)
	klog.SetLogger(log.WithName("client-go"))
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	config.QPS, config.Burst = 100, 200
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // many objects cost memory; a smaller share slows the looks at many pods (docs/scale.md)
	}
	m, err := ctrl.NewManager(config, o.manager(log))
	if err != nil {
		return fmt.Errorf("making the manager: %w", err)
	}
	if err := setup(m, o, tuning.NewMetrics(metrics.Registry)); err != nil {
		return err
	}
	metrics.Registry.MustRegister(deployment.StatusMetrics{Reader: m.GetCache()})
	if err := m.Start(ctx); err != nil {
		return fmt.Errorf("running: %w", err)
	}
	return nil
}

// setup adds the reconciler, the tuner and the probes to the manager.
func setup(m manager.Manager, o options, tuned *tuning.Metrics) error {
	if o.keyFile == "" {
		return errors.New("reading flags: --directive-key-file is missing: pods apply only what is signed; aircache-operator keygen makes a key")
	}
	keys, err := directive.ReadKeys(o.keyFile, o.nextKeyFile)
	if err != nil {
		return err
	}
	m.GetLogger().Info("starting", "version", version, "runtimeImage", o.runtimeImage, "namespaces", o.namespaces, "directiveKeys", keys.IDs())
	pods := podClient()
	const perPod, atOnce = time.Second, 64
	loop := tuning.New(tuning.Config{
		Reader: deployment.Indexed(m.GetCache()), Clock: clock.RealClock{}, Address: tuning.PodIP,
		Scraper: &observe.Scraper{Client: pods, Clock: clock.RealClock{}, Timeout: perPod, Parallel: atOnce, KeepIdle: keepIdle},
		Pusher:  &directive.Pusher{Client: pods, Keys: keys, Timeout: perPod, Parallel: atOnce},
		Metrics: tuned, Log: m.GetLogger().WithName("tuning"),
	})
	reconciler := &deployment.Reconciler{
		Client: m.GetClient(), Live: m.GetAPIReader(), Events: m.GetEventRecorder(deployment.FieldManager),
		Tuning: loop, Clock: clock.RealClock{}, Operator: render.Operator{
			RuntimeImage: o.runtimeImage, Namespace: o.operatorNamespace, AllowFrom: o.allowFrom, PublicKeys: keys.Public(), Sign: keys.Sign,
		},
	}
	if len(o.namespaces) == 0 {
		reconciler.Namespaces = m.GetCache()
	}
	ready := func(r *http.Request) error { return cacheIsFilled(r.Context(), m) }
	return errors.Join(
		reconciler.SetupWithManager(m, o.workers), m.Add(loop),
		m.AddHealthzCheck("ping", healthz.Ping), m.AddReadyzCheck("cache", ready),
	)
}
