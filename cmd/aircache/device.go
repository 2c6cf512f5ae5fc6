package main

import (
	"errors"
	"fmt"
	"log/slog"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/plan"
)

// openDevice opens the backend that was asked for. "auto" takes the GPU where there is one and the library that drives it, the
// CPU otherwise; the log says which, and why not the other.
func openDevice(name string, host cpu.Options, log *slog.Logger) (backend.Backend, error) {
	if name != "cpu" {
		gpu, err := cuda.Open(cuda.Options{})
		if err == nil {
			log.Info("backend chosen", "backend", gpu.Name(), "asked", name, "library", gpu.Library())
			return gpu, nil
		}
		if name == "cuda" || !errors.Is(err, cuda.ErrUnavailable) {
			return nil, fmt.Errorf("--backend is %s: %w", name, err)
		}
		log.Info("no GPU is used", "reason", err.Error())
	}
	b, err := cpu.New(host)
	if err != nil {
		return nil, err
	}
	log.Info("backend chosen", "backend", b.Name(), "asked", name)
	return b, nil
}

// blasOf is what multiplies, for the build info's label, and gpuOf the GPU's name for its own.
func blasOf(b backend.Backend) (kind, blas, gpu string) {
	if d, ok := b.(*cuda.Backend); ok {
		return "cuda", d.Libraries(), d.Product()
	}
	return "cpu", b.Name(), "none"
}

// planGPUCache takes what is left of the GPU's free memory (without the weights) and never more than the running requests can fill.
// 80 GiB with 15 GiB of weights and a sixteenth left for activations give 80 - 15 - 5 = 60 GiB.
func planGPUCache(asked, free, leave, most int64) (cachePlan, error) {
	if asked > 0 {
		if asked > free {
			return cachePlan{}, fmt.Errorf("%w: --kv-cache-bytes is %d, the GPU has %d bytes free beside the weights", plan.ErrTooLarge, asked, free)
		}
		return cachePlan{asked, "--kv-cache-bytes"}, nil
	}
	bytes := free - leave
	reason := fmt.Sprintf("what the weights leave of the GPU (%d bytes) less what activations take and what stays free (%d bytes)", free, leave)
	if bytes > most {
		return cachePlan{most, reason + ", at most what --max-running requests of full length fill"}, nil
	}
	if free < 0 {
		return cachePlan{}, fmt.Errorf("%w: its weights alone need %d bytes more than the GPU has free", plan.ErrTooLarge, -free)
	}
	if bytes < min(minCacheBytes, most) {
		return cachePlan{}, fmt.Errorf("deriving the KV cache's size: %w: %s leaves %d bytes, at least %d are needed: the model needs a larger GPU", plan.ErrTooLarge, reason, bytes, minCacheBytes)
	}
	return cachePlan{bytes, reason}, nil
}
