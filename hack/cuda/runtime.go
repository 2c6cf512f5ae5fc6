package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// runtimeWheels have the libraries of NVIDIA's that a GPU image needs beside our own: what they bring is opened when the runtime
// starts, from /usr/local/cuda/lib64. Sizes are those of the unpacked libraries.
var runtimeWheels = []struct {
	wheel string
	keep  []string // beginnings of file names
	cudnn bool     // wanted with -cudnn only
}{
	{"nvidia-cublas==13.0.2.14", []string{"libcublasLt.so"}, false},                       // 0.5 GB
	{"nvidia-cudnn-cu13==9.19.0.56", []string{"libcudnn"}, true},                          // 0.5 GB
	{"nvidia-cuda-nvrtc==13.0.88", []string{"libnvrtc.so", "libnvrtc-builtins.so"}, true}, // 0.1 GB, which cuDNN compiles with
}

// runtime fetches them into bin/cuda/runtime.
func (b *builder) runtime() error {
	to := filepath.Join(b.dir, "runtime")
	var want []string
	for _, w := range runtimeWheels {
		if b.cudnn || !w.cudnn {
			want = append(want, w.wheel)
		}
	}
	stamp := to + ".versions"
	if have, err := os.ReadFile(stamp); err == nil && string(have) == strings.Join(want, "\n") {
		return nil
	}
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("clearing old libraries: %w", err)
	}
	for _, w := range runtimeWheels {
		if w.cudnn && !b.cudnn {
			continue
		}
		fmt.Printf("fetching %s\n", w.wheel)
		if err := fetch(w.wheel, to, w.keep...); err != nil {
			return err
		}
	}
	return os.WriteFile(stamp, []byte(strings.Join(want, "\n")), 0o644)
}
