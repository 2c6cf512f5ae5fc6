package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/image"
)

// modelFlags say what to run and on what; serve and generate share them.
type modelFlags struct {
	sourceFlags
	caching      cacheFlags // of serve alone
	backend      string
	threads      int
	blas         string
	policy       string
	layerBudget  string
	kvCacheBytes int64
	maxModelLen  int
	maxImages    int
	maxPixels    int64
	maxQueue     int
	maxRunning   int
	prefillChunk int
	shadow       int

	retention, floor, ceiling int32
}

// maxPrefillChunk is longer than any prompt.
const maxPrefillChunk = 1 << 20

const prefillChunkHelp = "work of a prompt between two decode steps, in tokens, 1 to 1048576: few keep the time between the tokens of running answers short, many let a prompt end sooner while others decode"

const blasHelp = "what multiplies on the CPU: openblas (libopenblas.so.0) or builtin; auto takes OpenBLAS where it is installed"

var blasNames = []string{"auto", string(cpu.OpenBLAS), string(cpu.Builtin)}

// blasNamed is the library of a flag that was checked.
func blasNamed(name string) cpu.BLAS {
	if name == "auto" {
		return cpu.Auto
	}
	return cpu.BLAS(name)
}

// serveFlags are those of `aircache serve`.
type serveFlags struct {
	modelFlags
	servedName    string
	addr          string
	controlAddr   string
	tuningFile    string
	tuningKeys    []string
	drainSeconds  int
	lingerSeconds int
	watchdog      int
	podUID        string
	deploymentUID string
	pool          string
	apiKeyFile    string
	maxPerKey     int
	tls           tlsFlags
	fetching      fetchFlags
	maxBodyBytes  int64
	logFormat     string
	logLevel      string
}

func (f *modelFlags) register(set *pflag.FlagSet) {
	f.sourceFlags.register(set)
	set.StringVar(&f.backend, "backend", "auto", "auto, cpu or cuda; auto takes a GPU where there is one and the library that drives it (AIRCACHE_CUDA_LIBRARY names that), and the log says so")
	set.IntVar(&f.threads, "threads", 0, "threads of the CPU backend, 0 to 1024; 0 takes one per available core")
	set.StringVar(&f.blas, "blas", "auto", blasHelp)
	set.StringVar(&f.policy, "policy", "AirCache", "what stays of pictures' KV after prefill: "+strings.Join(compress.Names(), ", ")+
		"; AirCache takes options ("+strings.Join(compress.OptionNames(), ", ")+") as in AirCache+alpha=0.7+window=Last32; AirCache+paper is as published")
	set.StringVar(&f.layerBudget, "layer-budget", "", fmt.Sprintf("how AirCache shares what stays among the layers, where --policy does not say: Adaptive (by each layer's strength and skewness), Strength, Skewness, Pyramid or Uniform; empty takes %s", compress.Defaults().LayerBudget))
	set.IntVar(&f.prefillChunk, "prefill-chunk", engine.DefaultPrefillChunk, prefillChunkHelp)
	set.Int32Var(&f.retention, "retention-permille", control.MaxPermille, "share of a picture's KV cache to keep, in permille, 1 to 1000")
}

func (f *serveFlags) register(set *pflag.FlagSet) {
	f.modelFlags.register(set)
	f.caching.register(set)
	set.Int32Var(&f.floor, "retention-floor-permille", 100, "lowest retention that may be set while running, in permille, 1 to 1000")
	set.Int32Var(&f.ceiling, "retention-ceiling-permille", control.MaxPermille, "highest retention that may be set while running, in permille, 1 to 1000")
	set.Int64Var(&f.kvCacheBytes, "kv-cache-bytes", 0, "size of the KV cache in bytes, to 1125899906842624 (1 PiB); 0 derives it from the memory that is there")
	set.IntVar(&f.maxModelLen, "max-model-len", 0, "longest prompt and answer together, in tokens, from 2 to the model's own length; 0 takes that")
	set.IntVar(&f.maxImages, "max-images", 16, "pictures that a request may have, 1 to 1024")
	set.Int64Var(&f.maxPixels, "max-image-pixels", 0, fmt.Sprintf("pixels that a picture may have, width times height, 1 to 2147483648; 0 takes %d", image.DefaultLimits.Pixels))
	set.IntVar(&f.maxQueue, "max-queue", 256, "requests that may wait, 1 to 65536; more are answered 503")
	set.IntVar(&f.shadow, "shadow-sample-permille", 0, "share of the compressed requests whose first 16 steps are also decoded with the whole cache, to compare; 0: none")
	set.IntVar(&f.maxRunning, "max-running", 64, "requests that decode at once, 1 to 4096")
	set.StringVar(&f.servedName, "served-name", "", "name of the model in the API; empty takes the folder's name")
	set.StringVar(&f.addr, "addr", ":8000", "address of the API, as host:port")
	set.StringVar(&f.controlAddr, "control-addr", ":9443", "address of the control port, as host:port")
	set.StringVar(&f.tuningFile, "tuning-file", "", "JSON file with the retention to apply, read at start and when it changes; empty: none")
	set.StringArrayVar(&f.tuningKeys, "tuning-public-key", nil, "Ed25519 key, base64, of an operator that may set the retention over the control port or --tuning-file; repeatable, for the next key; without one nothing has to be signed")
	set.IntVar(&f.drainSeconds, "drain-seconds", 100, "time that running requests get to finish after SIGTERM, in seconds, 0 to 86400")
	set.IntVar(&f.lingerSeconds, "shutdown-linger-seconds", 5, "time that the ports stay open at least after SIGTERM, in seconds, 0 to 3600, within --drain-seconds")
	set.IntVar(&f.watchdog, "watchdog-seconds", 300, "time after which an engine that has requests and does nothing for them makes the server unready until it does, in seconds, 0 to 86400; 0: never. It must be longer than a chunk of a prompt, or the vision tower, takes")
	set.StringVar(&f.podUID, "pod-uid", "", "UID of this pod, for its log")
	set.StringVar(&f.deploymentUID, "deployment-uid", "", "UID of the AirCacheDeployment whose tuning is accepted; empty accepts any")
	set.StringVar(&f.pool, "pool", "", "pool whose tuning is accepted; empty accepts any")
	set.StringVar(&f.apiKeyFile, "api-key-file", "", "file of API keys, one a line, read again when it changes; with it /v1 asks for one; empty: no key")
	set.IntVar(&f.maxPerKey, "max-requests-per-key", 0, "requests that one API key may have under way, 0 to 65536; more are answered 429; 0: any number")
	f.tls.register(set)
	f.fetching.register(set)
	set.Int64Var(&f.maxBodyBytes, "max-request-bytes", 64<<20, "size of a request's body, in bytes, 1024 to 1073741824")
	set.StringVar(&f.logFormat, "log-format", "json", "json or text")
	set.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
}

// check names the first flag that is outside its limits.
func (f *modelFlags) check() error {
	if err := f.sourceFlags.check(); err != nil {
		return err
	}
	for _, err := range []error{
		oneOf("backend", f.backend, "auto", "cpu", "cuda"),
		within("threads", int64(f.threads), 0, 1024),
		oneOf("blas", f.blas, blasNames...),
		within("prefill-chunk", int64(f.prefillChunk), 1, maxPrefillChunk),
		within("retention-permille", int64(f.retention), control.MinPermille, control.MaxPermille),
	} {
		if err != nil {
			return err
		}
	}
	_, _, err := f.cachePolicy()
	return err
}

// cachePolicy is the policy that the flags ask for, and its name with the options.
func (f *modelFlags) cachePolicy() (compress.Policy, string, error) {
	options := compress.Defaults()
	if f.layerBudget != "" {
		options.LayerBudget = compress.LayerBudget(f.layerBudget)
	}
	if err := options.Validate(); err != nil {
		return nil, "", fmt.Errorf("--layer-budget: %w", err)
	}
	policy, name, err := compress.Parse(f.policy, options)
	if err != nil {
		return nil, "", fmt.Errorf("--policy: %w", err)
	}
	return policy, name, nil
}

func (f *serveFlags) check() error {
	if err := f.modelFlags.check(); err != nil {
		return err
	}
	for _, err := range []error{
		within("retention-floor-permille", int64(f.floor), control.MinPermille, control.MaxPermille),
		within("retention-ceiling-permille", int64(f.ceiling), int64(f.floor), control.MaxPermille),
		within("retention-permille", int64(f.retention), int64(f.floor), int64(f.ceiling)),
		f.caching.check(),
		within("kv-cache-bytes", f.kvCacheBytes, 0, 1<<50),
		within("max-model-len", int64(f.maxModelLen), 0, 1<<30),
		within("max-images", int64(f.maxImages), 1, 1024),
		within("max-image-pixels", f.maxPixels, 0, 1<<31),
		within("max-requests-per-key", int64(f.maxPerKey), 0, 1<<16),
		within("max-queue", int64(f.maxQueue), 1, 1<<16),
		within("shadow-sample-permille", int64(f.shadow), 0, 1000),
		within("max-running", int64(f.maxRunning), 1, 1<<12),
		within("drain-seconds", int64(f.drainSeconds), 0, 86400),
		within("shutdown-linger-seconds", int64(f.lingerSeconds), 0, 3600),
		within("watchdog-seconds", int64(f.watchdog), 0, 86400),
		within("max-request-bytes", f.maxBodyBytes, 1<<10, 1<<30),
		within("length of pool", int64(len(f.pool)), 0, control.MaxPoolLength),
		within("length of deployment-uid", int64(len(f.deploymentUID)), 0, control.MaxUIDLength),
		address("addr", f.addr), address("control-addr", f.controlAddr),
		oneOf("log-format", f.logFormat, "json", "text"),
		oneOf("log-level", f.logLevel, "debug", "info", "warn", "error"),
	} {
		if err != nil {
			return err
		}
	}
	if _, err := f.keyring(); err != nil {
		return err
	}
	if f.maxPerKey > 0 && f.apiKeyFile == "" {
		return errors.New("--max-requests-per-key needs --api-key-file: without keys nobody is told from another")
	}
	return errors.Join(f.fetching.check(), f.tls.check())
}

// keyring is whose directives are applied. They name an object and a pool, so the pod must know its own.
func (f *serveFlags) keyring() (control.Keyring, error) {
	keys, err := control.ParseKeyring(f.tuningKeys)
	if err != nil {
		return keys, fmt.Errorf("--tuning-public-key: %w", err)
	}
	if !keys.IsEmpty() && (f.deploymentUID == "" || f.pool == "") {
		return keys, errors.New("--tuning-public-key needs --deployment-uid and --pool: what is signed for another pod must not be applied here")
	}
	return keys, nil
}

// explainFlag tells what a flag takes where its value cannot even be read.
func explainFlag(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag := invalid.GetFlag()
	return fmt.Errorf("--%s is %q, which is no %s: %s", flag.Name, invalid.GetValue(), flag.Value.Type(), flag.Usage)
}

func within(flag string, got, lo, hi int64) error {
	if got < lo || got > hi {
		return fmt.Errorf("--%s is %d, it must be from %d to %d", flag, got, lo, hi)
	}
	return nil
}

func oneOf(flag, got string, allowed ...string) error {
	if !slices.Contains(allowed, got) {
		return fmt.Errorf("--%s is %q, it must be %s", flag, got, strings.Join(allowed, " or "))
	}
	return nil
}

func address(flag, got string) error {
	if _, _, err := net.SplitHostPort(got); err != nil {
		return fmt.Errorf("--%s is %q, it must be host:port or :port", flag, got)
	}
	return nil
}
