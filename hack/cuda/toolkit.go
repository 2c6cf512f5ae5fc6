package main

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// wheels are the parts of the CUDA toolkit that compiling takes; 105 MB to fetch, 330 MB unpacked.
var wheels = []string{
	"nvidia-cuda-nvcc==13.0.88", "nvidia-nvvm==13.0.88", "nvidia-cuda-crt==13.0.88",
	"nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cccl==13.0.85",
}

// unavailableError says why this machine cannot compile CUDA code.
type unavailableError struct{ error }

// toolkit is where the compiler lies.
type toolkit struct{ root, nvcc string }

// openToolkit fetches what is not there yet. The stamp is written last, so that a broken-off fetch starts again.
func openToolkit(dir string) (toolkit, error) {
	t := toolkit{root: filepath.Join(dir, "nvidia/cu13"), nvcc: filepath.Join(dir, "nvidia/cu13/bin/nvcc")}
	stamp, want := filepath.Join(dir, "versions"), strings.Join(wheels, "\n")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return t, nil
	}
	for _, program := range []string{"g++", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			return t, &unavailableError{fmt.Errorf("looking for %s: %w", program, err)}
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return t, fmt.Errorf("clearing an old toolkit: %w", err)
	}
	for i, wheel := range wheels {
		fmt.Printf("fetching %s (%d of %d)\n", wheel, i+1, len(wheels))
		if err := fetch(wheel, dir); err != nil {
			return t, err
		}
	}
	return t, os.WriteFile(stamp, []byte(want), 0o644)
}

// fetch unpacks a wheel into a folder: what is wanted of a toolkit, or the libraries whose names begin with one of keep, side by side.
func fetch(wheel, dir string, keep ...string) error {
	temporary, err := os.MkdirTemp("", "aircache-cuda-")
	if err != nil {
		return fmt.Errorf("making room for a wheel: %w", err)
	}
	defer os.RemoveAll(temporary)
	out, err := exec.Command("python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--only-binary=:all:", "--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64", "--platform", "manylinux_2_27_x86_64", "--platform", "manylinux2010_x86_64",
		"--platform", "manylinux_2_12_x86_64", "--dest", temporary, wheel).CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return &unavailableError{fmt.Errorf("fetching %s: %w: %s", wheel, err, lines[len(lines)-1])}
	}
	files, err := filepath.Glob(filepath.Join(temporary, "*.whl"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("fetching %s: %d files came", wheel, len(files))
	}
	if err := unpack(files[0], dir, keep); err != nil {
		return fmt.Errorf("unpacking %s: %w", wheel, err)
	}
	return nil
}

// unpack leaves out the parts that our code does not include.
func unpack(wheel, dir string, keep []string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, f := range archive.File {
		if f.FileInfo().IsDir() || !filepath.IsLocal(f.Name) || strings.Contains(f.Name, "/include/cccl/") && !strings.Contains(f.Name, "/cccl/nv/") {
			continue
		}
		to := filepath.Join(dir, f.Name)
		if len(keep) > 0 {
			name := path.Base(f.Name)
			if !strings.Contains(f.Name, "/lib/") || !slices.ContainsFunc(keep, func(begins string) bool { return strings.HasPrefix(name, begins) }) {
				continue
			}
			to = filepath.Join(dir, name)
		}
		if err := unpackFile(f, to); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(f *zip.File, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if strings.Contains(to, "/bin/") { // wheels lose the mode
		mode = 0o755
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
