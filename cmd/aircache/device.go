package main

import (
	"errors"
	"fmt"
	"log/slog"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
)

// openDevice opens the backend that was asked for. "auto" takes the GPU where there is one and the library that drives it, the
// CPU otherwise; the log says which, and why not the other.
func openDevice(name string, threads int, log *slog.Logger) (backend.Backend, error) {
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
	host, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		return nil, err
	}
	log.Info("backend chosen", "backend", host.Name(), "asked", name)
	return host, nil
}

// blasOf is what multiplies, for the build info's label, and gpuOf the GPU's name for its own.
func blasOf(b backend.Backend) (kind, blas, gpu string) {
	if d, ok := b.(*cuda.Backend); ok {
		return "cuda", d.Libraries(), d.Product()
	}
	return "cpu", b.Name(), "none"
}

// gpuShare of a GPU's memory stays free beside the KV cache, for activations of long prompts: a sixteenth.
const gpuShare = 16

// planGPUCache takes what the loaded weights have left free on the GPU, less a sixteenth of it all, and never more than the
// running requests can fill. 80 GiB with 15 GiB of weights give 80 - 15 - 5 = 60 GiB.
func planGPUCache(asked, free, total, most int64) (cachePlan, error) {
	if asked > 0 {
		if asked > free {
			return cachePlan{}, fmt.Errorf("--kv-cache-bytes is %d, the GPU has %d bytes free", asked, free)
		}
		return cachePlan{asked, "--kv-cache-bytes"}, nil
	}
	bytes := free - total/gpuShare
	reason := fmt.Sprintf("the GPU's free memory (%d bytes) less a %dth of all (%d bytes)", free, gpuShare, total)
	if bytes > most {
		return cachePlan{most, reason + ", at most what --max-running requests of full length fill"}, nil
	}
	if bytes < min(minCacheBytes, most) {
		return cachePlan{}, fmt.Errorf("deriving the KV cache's size: %s leaves %d bytes, at least %d are needed: the model needs a larger GPU", reason, bytes, minCacheBytes)
	}
	return cachePlan{bytes, reason}, nil
}
