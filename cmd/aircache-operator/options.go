package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
)

// leaseName is the lease that the leader holds.
const leaseName = "aircache-operator.aircache.dev"

const maxWorkers = 64

// options are the flags.
type options struct {
	metricsAddr, healthAddr string
	pprofAddr               string
	leaderElect             bool
	leaseNamespace          string
	namespaces              []string
	operatorNamespace       string
	allowFrom               []string
	runtimeImage            string
	keyFile, nextKeyFile    string
	workers                 int
	logLevel                slog.Level
	logFormat               string
	version                 bool
}

func parse(args []string, usage io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("aircache-operator", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.metricsAddr, "metrics-addr", ":8080", "address of /metrics; 0 for none")
	f.StringVar(&o.healthAddr, "health-addr", ":8081", "address of /healthz and /readyz; 0 for none")
	f.StringVar(&o.pprofAddr, "pprof-addr", "", "address of /debug/pprof/; none when empty, for profiles tell what is in memory")
	f.BoolVar(&o.leaderElect, "leader-elect", false, "let one of several replicas act")
	f.StringVar(&o.leaseNamespace, "leader-election-namespace", "", "namespace of the lease; the pod's own when empty")
	namespaces := f.String("watch-namespaces", "", "comma-separated namespaces to work in; all when empty")
	f.StringVar(&o.operatorNamespace, "operator-namespace", podNamespace(), "namespace of the operator, which the pods' NetworkPolicy lets in; its pod's own by default")
	allowFrom := f.String("allow-from-namespaces", "", "comma-separated namespaces that may ask the pods of every object and read their metrics")
	f.StringVar(&o.runtimeImage, "runtime-image", "", "image of the runtime for objects that name none")
	f.StringVar(&o.keyFile, "directive-key-file", "", "PEM file with the Ed25519 key that signs directives to pods; aircache-operator keygen makes one")
	f.StringVar(&o.nextKeyFile, "directive-next-key-file", "", "PEM file with the key, or its public half, that will sign after the next rotation: new pods know it already")
	f.IntVar(&o.workers, "workers", 8, "objects that are reconciled at once")
	f.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "json", "json or text")
	f.BoolVar(&o.version, "version", false, "print the version and end")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("reading flags: %q is not a flag", f.Arg(0))
	}
	o.namespaces, o.allowFrom = words(*namespaces), words(*allowFrom)
	return o, o.check()
}

// words of a comma-separated list.
func words(text string) []string {
	var list []string
	for _, n := range strings.Split(text, ",") {
		if n = strings.TrimSpace(n); n != "" {
			list = append(list, n)
		}
	}
	return list
}

// podNamespace is where this pod runs; empty outside a cluster.
func podNamespace() string {
	content, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return "" // no pod
	}
	return strings.TrimSpace(string(content))
}

func (o *options) check() error {
	if o.workers < 1 || o.workers > maxWorkers {
		return fmt.Errorf("reading flags: --workers is %d, it must be from 1 to %d", o.workers, maxWorkers)
	}
	if o.logFormat != "json" && o.logFormat != "text" {
		return fmt.Errorf("reading flags: --log-format is %q, it must be json or text", o.logFormat)
	}
	for _, f := range []struct {
		name       string
		namespaces []string
	}{{"watch-namespaces", o.namespaces}, {"operator-namespace", words(o.operatorNamespace)}, {"allow-from-namespaces", o.allowFrom}} {
		for _, n := range f.namespaces {
			if problems := validation.IsDNS1123Label(n); len(problems) > 0 {
				return fmt.Errorf("reading flags: --%s has %q: %s", f.name, n, problems[0])
			}
		}
	}
	return nil
}

func (o *options) logger(w io.Writer) logr.Logger {
	settings := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == "text" {
		return logr.FromSlogHandler(slog.NewTextHandler(w, settings))
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(w, settings))
}

// manager keeps in memory what the operator owns in the namespaces that it works in.
func (o *options) manager(log logr.Logger) manager.Options {
	return manager.Options{
		Scheme: scheme(), Logger: log,
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddr},
		HealthProbeBindAddress:        o.healthAddr,
		PprofBindAddress:              o.pprofAddr,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.leaseNamespace,
		LeaderElectionReleaseOnCancel: true, // the next leader needs not wait for the lease to end
		NewClient:                     deployment.NewClient,
		Cache: cache.Options{
			ByObject: deployment.CachedObjects(), DefaultNamespaces: o.cached(), DefaultTransform: cache.TransformStripManagedFields(),
		},
	}
}

// cached is the set of namespaces for the cache; nil is all.
func (o *options) cached() map[string]cache.Config {
	if len(o.namespaces) == 0 {
		return nil
	}
	set := map[string]cache.Config{}
	for _, n := range o.namespaces {
		set[n] = cache.Config{}
	}
	return set
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			panic(fmt.Sprintf("registering types: %v", err)) // two types of one name: a mistake in the program
		}
	}
	return s
}
