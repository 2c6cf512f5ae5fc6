package main

import (
	"github.com/spf13/pflag"

	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/model"
)

// cacheFlags say what is kept of requests for those that come after them.
type cacheFlags struct {
	prefixCache bool
	visionBytes int64
}

// defaultVisionBytes holds what the tower makes of 113 pictures of the tiny model.
const defaultVisionBytes = 64 << 20

func (f *cacheFlags) register(set *pflag.FlagSet) {
	set.BoolVar(&f.prefixCache, "prefix-cache", true, "keep whole prompts in free pages of the KV cache, for those that begin with the same text and pictures; API keys never share any")
	set.Int64Var(&f.visionBytes, "vision-cache-bytes", -1, "host memory for what the vision tower made of pictures, in bytes, to 1099511627776 (1 TiB), with --prefix-cache; 0: none; -1 takes 67108864 (64 MiB) on the CPU, none on a GPU, where reading them back delays running answers")
}

func (f *cacheFlags) check() error {
	return within("vision-cache-bytes", f.visionBytes, -1, 1<<40)
}

// forEngine is what the flags mean for a model.
func (f *cacheFlags) forEngine(c model.Config) engine.PrefixCache {
	cache := engine.PrefixCache{On: f.prefixCache, VisionBytes: f.visionBytes}
	if f.visionBytes < 0 {
		if cache.VisionBytes = defaultVisionBytes; c.Asynchronous {
			cache.VisionBytes = 0
		}
	}
	return cache
}
