package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cuda:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	commands := map[string]func(*builder) error{
		"library": (*builder).library, "programs": (*builder).programs, "simulated": (*builder).simulated, "check": (*builder).check, "runtime": (*builder).runtime,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New("library, programs, simulated, check or runtime is wanted, see hack/cuda/doc.go")
	}
	set := flag.NewFlagSet(args[0], flag.ContinueOnError)
	arch := set.String("arch", "sm_90", "GPU type to compile for")
	release := set.Bool("release", false, "compile for sm_80, sm_89 and sm_90, with PTX for newer ones")
	cudnn := set.Bool("cudnn", false, "fetch cuDNN too, of runtime")
	jobs := set.Int("jobs", defaultJobs(), "files compiled at once")
	if err := set.Parse(args[1:]); err != nil {
		return err
	}
	b, err := newBuilder("bin/cuda", *arch, *release, *jobs)
	if err == nil {
		b.cudnn = *cudnn
		return commands[args[0]](b)
	}
	if unavailable := (*unavailableError)(nil); args[0] == "check" && errors.As(err, &unavailable) {
		fmt.Printf("NOTE: the CUDA code was not compiled and its tests did not run: %v.\n"+
			"It needs g++, python3 with pip, and about 110 MB of NVIDIA's wheels from the package index, once.\n", err)
		return nil
	}
	return err
}
