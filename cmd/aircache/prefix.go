package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/model"
)

// cacheFlags say what is kept of requests for those that come after them.
type cacheFlags struct {
	prefixCache  bool
	visionBytes  int64
	multiTurn    string
	offloadBytes int64

	promisedAnswer int
	swapBytes      int64
}

// How the next turn of a conversation finds the pictures of those before.
const (
	recompute   = "Recompute"   // in free pages of the KV cache, while they are there; else they are prefilled again
	keep        = "Keep"        // nothing is looked for: the turn goes on with the compressed cache of the one before
	offloadFull = "OffloadFull" // there, or in host memory, to which they move when their pages are needed
)

// defaultVisionBytes holds what the tower makes of 113 pictures of the tiny model.
const defaultVisionBytes = 64 << 20

func (f *cacheFlags) register(set *pflag.FlagSet) {
	set.BoolVar(&f.prefixCache, "prefix-cache", true, "keep whole prompts in free pages of the KV cache, for those that begin with the same text and pictures; API keys never share any")
	set.Int64Var(&f.visionBytes, "vision-cache-bytes", -1, "host memory for what the vision tower made of pictures, in bytes, to 1099511627776 (1 TiB), with --prefix-cache; 0: none; -1 takes 67108864 (64 MiB) on the CPU, none on a GPU, where reading them back delays running answers")
	set.StringVar(&f.multiTurn, "multi-turn", recompute, "where the next turn of a conversation finds the whole prompt of those before, with --prefix-cache: Recompute (in free pages of the KV cache, else it is prefilled again), OffloadFull (there, or in --offload-bytes of host memory, to which it moves when its pages are needed), or Keep (it goes on with the compressed cache of the turn before, so it sees no more of the pictures than was kept for the first question)")
	set.Int64Var(&f.offloadBytes, "offload-bytes", 1<<30, "host memory for prompts whose pages were needed, in bytes, 1048576 to 1099511627776 (1 TiB), with --multi-turn OffloadFull")
	set.IntVar(&f.promisedAnswer, "promised-answer-tokens", 0, "admit a request as soon as its prompt and so many tokens of its answer fit, 0 to 1048576; an answer that goes on may be swapped to --swap-bytes of host memory until there is room, and continues to the bit; 0: when its whole answer fits, and nobody is swapped")
	set.Int64Var(&f.swapBytes, "swap-bytes", 1<<30, "host memory for requests that are swapped out, in bytes, 0 to 1099511627776 (1 TiB), with --promised-answer-tokens; a request that might not find room there is admitted when its whole answer fits")
}

func (f *cacheFlags) check() error {
	for _, err := range []error{
		within("vision-cache-bytes", f.visionBytes, -1, 1<<40),
		oneOf("multi-turn", f.multiTurn, recompute, keep, offloadFull),
		within("offload-bytes", f.offloadBytes, 1<<20, 1<<40),
		within("promised-answer-tokens", int64(f.promisedAnswer), 0, 1<<20),
		within("swap-bytes", f.swapBytes, 0, 1<<40),
	} {
		if err != nil {
			return err
		}
	}
	if f.multiTurn != recompute && !f.prefixCache {
		return fmt.Errorf("--multi-turn %s keeps what --prefix-cache keeps, which is off", f.multiTurn)
	}
	return nil
}

// swap is what the flags mean for admission.
func (f *cacheFlags) swap() engine.Swap {
	return engine.Swap{PromisedAnswer: f.promisedAnswer, HostBytes: f.swapBytes}
}

// forEngine is what the flags mean for a model.
func (f *cacheFlags) forEngine(c model.Config) engine.PrefixCache {
	cache := engine.PrefixCache{On: f.prefixCache, Keep: f.multiTurn == keep, VisionBytes: f.visionBytes}
	if f.multiTurn == offloadFull {
		cache.OffloadBytes = f.offloadBytes
	}
	if f.visionBytes < 0 {
		if cache.VisionBytes = defaultVisionBytes; c.Asynchronous {
			cache.VisionBytes = 0
		}
	}
	return cache
}
