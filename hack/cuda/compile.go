package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

func defaultJobs() int { return runtime.NumCPU() }

// variant is one way to compile all sources.
type variant struct {
	name     string // its folder of objects
	compiler string
	flags    []string
	link     []string // behind the objects
}

// object compiles a file unless that was done; it returns the object and its fingerprint.
func (b *builder) object(v *variant, source string) (string, error) {
	print, err := fingerprint(source, append([]string{v.compiler, strings.Join(wheels, " ")}, v.flags...)...)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.dir, "objects", v.name)
	prefix := strings.ReplaceAll(strings.TrimSuffix(source, filepath.Ext(source)), "/", ".")
	object := filepath.Join(dir, prefix+"-"+print+".o")
	if _, err := os.Stat(object); err == nil {
		return object, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, old := range glob(filepath.Join(dir, prefix+"-*.o")) {
		if len(filepath.Base(old)) == len(filepath.Base(object)) {
			os.Remove(old)
		}
	}
	start := time.Now()
	args := append(append([]string{}, v.flags...), "-c", source, "-o", object+".part")
	out, err := exec.Command(v.compiler, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("compiling %s (%s): %w\n%s", source, v.name, err, out)
	}
	fmt.Printf("  %s (%s) %.1fs\n%s", source, v.name, time.Since(start).Seconds(), out)
	return object, os.Rename(object+".part", object)
}

// objects compiles files side by side.
func (b *builder) objects(v *variant, sources []string) ([]string, error) {
	made, errs := make([]string, len(sources)), make([]error, len(sources))
	var group sync.WaitGroup
	turn := make(chan struct{}, b.jobs)
	for i, source := range sources {
		group.Go(func() {
			turn <- struct{}{}
			made[i], errs[i] = b.object(v, source)
			<-turn
		})
	}
	group.Wait()
	var text bytes.Buffer
	for _, err := range errs {
		if err != nil {
			fmt.Fprintln(&text, err)
		}
	}
	if text.Len() > 0 {
		return nil, fmt.Errorf("%s", strings.TrimSpace(text.String()))
	}
	return made, nil
}

// join links objects into a program or a library, unless it was made of just these before; from are those behind an archive.
func (b *builder) join(v *variant, to string, objects, from []string, flags ...string) error {
	var all []string
	for _, o := range append(append([]string{}, objects...), from...) {
		all = append(all, filepath.Base(o))
	}
	key, stamp := strings.Join(append(append(all, flags...), v.link...), "\n"), to+".made-of"
	if have, err := os.ReadFile(stamp); err == nil && string(have) == key {
		if _, err := os.Stat(to); err == nil {
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	args := append(append([]string{}, flags...), objects...)
	args = append(append(args, v.link...), "-o", to+".part")
	if out, err := exec.Command(v.compiler, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("linking %s: %w\n%s", to, err, out)
	}
	fmt.Println("  " + to)
	if err := os.Rename(to+".part", to); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(key), 0o644)
}
