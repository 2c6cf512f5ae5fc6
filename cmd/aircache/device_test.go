package main

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend/cpu"
)

func TestAGPUThatIsNotThereIsSaidSo(t *testing.T) {
	t.Setenv("AIRCACHE_CUDA_LIBRARY", "/no/such/library.so")
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, name := range []string{"cuda", "auto"} { // a library that was named must open
		if _, err := openDevice(name, cpu.Options{Threads: 1}, log); err == nil || !strings.Contains(err.Error(), "/no/such/library.so") {
			t.Errorf("--backend %s says %v", name, err)
		}
	}
	b, err := openDevice("cpu", cpu.Options{Threads: 1}, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheGPUsCacheLeavesRoomForActivations(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct {
		asked, free, leave, most, want int64
		says                           string
	}{
		"what the weights leave":    {free: 65 * gib, leave: 5 * gib, most: 1 << 50, want: 60 * gib},
		"no more than can be used":  {free: 65 * gib, leave: 5 * gib, most: gib, want: gib},
		"what was asked for":        {asked: gib, free: 2 * gib, leave: 5 * gib, most: 1 << 50, want: gib},
		"more than is free":         {asked: 3 * gib, free: 2 * gib, leave: 5 * gib, most: 1 << 50, says: "the GPU has 2147483648 bytes free beside the weights"},
		"weights that fill the GPU": {free: gib, leave: 5 * gib, most: 1 << 50, says: "needs a larger GPU"},
	} {
		plan, err := planGPUCache(c.asked, c.free, c.leave, c.most)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, the error should say %q", name, err, c.says)
			}
		} else if err != nil || plan.bytes != c.want {
			t.Errorf("%s: %d bytes, %v", name, plan.bytes, err)
		}
	}
}
