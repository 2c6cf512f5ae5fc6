package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/hub"
	"aircache.dev/aircache/runtime/plan"
)

// sourceFlags say where a model comes from. Credentials and addresses are environment variables, by the names that other tools of
// the hub and of S3 read too: secrets on a command line show in the list of processes.
type sourceFlags struct {
	model string
	cache string
}

const sourceHelp = `A model is a folder in Hugging Face's layout, hf://owner/name@revision (a commit, branch or
tag of the Hugging Face Hub), s3://bucket/prefix, or oci://registry/repository@sha256:...
(or :tag), an artifact of plain files or an image that holds them. What is fetched is kept in --model-cache,
which many processes and machines may share: one fetches, the others wait; whole models only
appear in it, and a fetch that was cut goes on where it was.

  HF_TOKEN, HF_TOKEN_PATH   access token of the Hub, or a file with it
  HF_ENDPOINT               a mirror instead of https://huggingface.co
  HF_HUB_OFFLINE            1: use what the cache holds, ask nobody
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION and the SDK's other
  sources, but for the machine's own role; without any, S3 is asked anonymously
  AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL   an S3-compatible store, with the bucket in the path
  DOCKER_CONFIG             folder of Docker's config.json with the credentials of registries
  AIRCACHE_OCI_PLAIN_HTTP   registries (host:port, by commas) that are asked without TLS`

func (f *sourceFlags) register(set *pflag.FlagSet) {
	set.StringVar(&f.model, "model", "", "the model: a folder, hf://owner/name@revision, s3://bucket/prefix or oci://registry/repository@sha256:... (required)")
	set.StringVar(&f.cache, "model-cache", defaultCache(), "folder that fetched models are kept in")
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "aircache", "models")
}

func (f *sourceFlags) check() error {
	if f.model == "" {
		return fmt.Errorf("--model is required: a folder in Hugging Face's layout, hf://owner/name@revision, s3://bucket/prefix, or oci://registry/repository with @sha256 or :tag")
	}
	if _, err := hub.Parse(f.model); err != nil {
		return fmt.Errorf("--model: %w", err)
	}
	return nil
}

// base is the model's name where no other is given.
func (f *sourceFlags) base() string {
	if r, err := hub.Parse(f.model); err == nil && r.Remote() {
		return r.Base()
	}
	return filepath.Base(filepath.Clean(f.model))
}

// fetch makes sure that the model is here, and tells meanwhile how far it is.
func (f *sourceFlags) fetch(ctx context.Context, log *slog.Logger, p *hub.Progress, say func(string)) (hub.Model, error) {
	o, err := hubOptions(os.LookupEnv, os.ReadFile)
	if err != nil {
		return hub.Model{}, err
	}
	o.Cache, o.Log, o.Progress = f.cache, log, p
	done, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		ticker := time.NewTicker(progressPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				say(p.String())
			}
		}
	}()
	m, err := hub.Pull(ctx, f.model, o)
	close(done)
	<-told
	if err != nil {
		return hub.Model{}, &fetchError{err}
	}
	return m, nil
}

const progressPeriod = time.Second

// hubOptions reads the environment.
func hubOptions(env func(string) (string, bool), read func(string) ([]byte, error)) (hub.Options, error) {
	value := func(name string) string { text, _ := env(name); return text }
	o := hub.Options{Endpoint: value("HF_ENDPOINT"), Token: value("HF_TOKEN"), S3Endpoint: cmp.Or(value("AWS_ENDPOINT_URL_S3"), value("AWS_ENDPOINT_URL")),
		Now: time.Now, After: time.After}
	o.Host, _ = os.Hostname()
	for registry := range strings.SplitSeq(value("AIRCACHE_OCI_PLAIN_HTTP"), ",") {
		if registry = strings.TrimSpace(registry); registry != "" {
			o.OCIPlainHTTP = append(o.OCIPlainHTTP, registry)
		}
	}
	if text := value("HF_HUB_OFFLINE"); text != "" {
		offline, err := strconv.ParseBool(text)
		if err != nil {
			return o, fmt.Errorf("HF_HUB_OFFLINE is %q, it must be 1 or 0", text)
		}
		o.Offline = offline
	}
	if path := value("HF_TOKEN_PATH"); path != "" && o.Token == "" {
		b, err := read(path)
		if err != nil {
			return o, fmt.Errorf("reading HF_TOKEN_PATH: %w", err)
		}
		o.Token = string(b)
	}
	o.Token = strings.TrimSpace(o.Token)
	return o, nil
}

// fetchError is a model that did not come.
type fetchError struct{ error }

func (e *fetchError) Unwrap() error { return e.error }

// exitCode tells the operator apart what a user has to act on.
func exitCode(err error) int {
	var fetch *fetchError
	switch {
	case errors.Is(err, plan.ErrTooLarge):
		return control.ExitModelTooLarge
	case !errors.As(err, &fetch):
		return 1
	case errors.Is(err, hub.ErrNotFound), errors.Is(err, hub.ErrDenied):
		return control.ExitModelNotFound
	default:
		return control.ExitModelUnavailable
	}
}
