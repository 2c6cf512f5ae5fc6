package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// builder knows where things lie. Paths are relative to the repository's root, where the program runs.
type builder struct {
	dir       string
	jobs      int
	gpu, simt *variant
	cudnn     bool // among the libraries of an image
}

func newBuilder(dir, arch string, release bool, jobs int) (*builder, error) {
	if _, err := os.Stat("cuda/aircache.h"); err != nil {
		return nil, fmt.Errorf("looking for the sources (run this in the repository's root): %w", err)
	}
	if err := lock(dir); err != nil {
		return nil, err
	}
	t, err := openToolkit(filepath.Join(dir, "toolkit"))
	if err != nil {
		return nil, err
	}
	b := &builder{dir: dir, jobs: jobs}
	name, targets := arch, []string{"-gencode", "arch=compute_" + arch[3:] + ",code=" + arch}
	if release {
		name, targets = "release", nil
		for _, a := range []string{"80", "89", "90"} {
			targets = append(targets, "-gencode", "arch=compute_"+a+",code=sm_"+a)
		}
		targets = append(targets, "-gencode", "arch=compute_90,code=compute_90")
	}
	b.gpu = &variant{name: name, compiler: t.nvcc,
		flags: append(targets, "-std=c++17", "-O3", "-lineinfo", "-Xptxas=--warn-on-spills", "-Xcompiler=-fPIC,-fvisibility=hidden,-Wall"),
		link:  []string{"-L" + filepath.Join(t.root, "lib"), "-cudart", "static", "-ldl", "-lpthread", "-lrt"},
	}
	b.simt = &variant{name: "simt", compiler: "g++",
		flags: []string{"-x", "c++", "-std=c++17", "-O2", "-g1", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wno-unknown-pragmas", "-fno-strict-aliasing", "-isystem", filepath.Join(t.root, "include")},
		link:  []string{"-ldl", "-lpthread"},
	}
	return b, nil
}

// lock lets one build at a time write into the folder; the system lets go of it when this process ends.
func lock(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making room for the build: %w", err)
	}
	file, err := syscall.Open(filepath.Join(dir, "lock"), syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return fmt.Errorf("locking %s: %w", dir, err)
	}
	if syscall.Flock(file, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return nil
	}
	fmt.Println("waiting for another build of the CUDA code")
	return syscall.Flock(file, syscall.LOCK_EX)
}

// library is what the Go binding opens.
func (b *builder) library() error {
	objects, err := b.objects(b.gpu, glob("cuda/src/*.cu"))
	if err != nil {
		return err
	}
	return b.join(b.gpu, filepath.Join(b.dir, "libaircache_cuda.so"), objects, objects, "-shared")
}

func (b *builder) programs() error {
	shared, err := b.objects(b.gpu, glob("cuda/src/*.cu"))
	if err != nil {
		return err
	}
	archive := filepath.Join(b.dir, "objects", b.gpu.name, "all.a") // a program takes of it what it calls
	if err := b.archive(archive, shared); err != nil {
		return err
	}
	for _, folder := range []string{"tests", "bench"} {
		if err := b.each(b.gpu, folder, filepath.Join(b.dir, folder), shared, archive); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) archive(to string, objects []string) error {
	os.Remove(to)
	if out, err := exec.Command("ar", append([]string{"rcs", to}, objects...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("archiving %s: %w\n%s", to, err, out)
	}
	return nil
}

// each makes a program of every file in a folder, with the shared objects, or with an archive of them.
func (b *builder) each(v *variant, folder, to string, shared []string, archive ...string) error {
	sources := glob("cuda/" + folder + "/*.cu")
	objects, err := b.objects(v, sources)
	if err != nil {
		return err
	}
	for i, object := range objects {
		own := *v
		own.link = append(append([]string{}, archive...), v.link...)
		parts := []string{object}
		if len(archive) == 0 {
			parts = append(parts, shared...)
		}
		if err := b.join(&own, filepath.Join(to, stem(sources[i])), parts, shared); err != nil {
			return err
		}
	}
	return nil
}

// simulated makes the library and the tests that need no GPU.
func (b *builder) simulated() error {
	shared, err := b.objects(b.simt, append(glob("cuda/src/*.cu"), glob("cuda/simt/*.cc")...))
	if err != nil {
		return err
	}
	if err := b.join(b.simt, filepath.Join(b.dir, "simt/libaircache_cuda.so"), shared, shared, "-shared"); err != nil {
		return err
	}
	return b.each(b.simt, "tests", filepath.Join(b.dir, "simt"), shared)
}

// check compiles everything and runs what can run without a GPU.
func (b *builder) check() error {
	for _, step := range []func() error{b.library, b.programs, b.simulated} {
		if err := step(); err != nil {
			return err
		}
	}
	if len(glob("/dev/nvidia[0-9]*")) == 0 {
		fmt.Println("NOTE: there is no GPU here: the CUDA tests run simulated, thread by thread on the CPU; cuda/device.sh runs them on a GPU.")
	}
	for _, source := range glob("cuda/tests/*_test.cu") {
		if err := b.simulate(filepath.Join(b.dir, "simt", stem(source))); err != nil {
			return err
		}
	}
	return nil
}

// simulate runs a test once for each build of it.
func (b *builder) simulate(program string) error {
	made, err := os.ReadFile(program + ".made-of")
	if err != nil {
		return err
	}
	if passed, err := os.ReadFile(program + ".passed"); err == nil && string(passed) == string(made) {
		return nil
	}
	start := time.Now()
	if out, err := exec.Command(program).CombinedOutput(); err != nil {
		return fmt.Errorf("simulating %s: %w\n%s", program, err, out)
	}
	fmt.Printf("  %s passed in %.1fs, simulated\n", program, time.Since(start).Seconds())
	return os.WriteFile(program+".passed", made, 0o644)
}
