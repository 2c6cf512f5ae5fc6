package oci

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// libraryFolder holds all libraries of an image; LD_LIBRARY_PATH points there, so
// that neither the loader's cache nor a distribution's folders matter.
const libraryFolder = "/usr/lib/bundled"

// linked is what a program or library links to: libraries by soname, and the loader by path.
type linked struct {
	libraries map[string]string
	loader    string
}

// libraryEntries finds the libraries of the spec's binaries and of the dlopened ones.
func libraryEntries(s Spec) ([]entry, error) {
	all := linked{libraries: map[string]string{}}
	for _, b := range s.Binaries {
		if err := all.add(b.Source); err != nil {
			return nil, err
		}
	}
	for _, l := range s.Libraries {
		file, err := findLibrary(l)
		if err != nil {
			return nil, err
		}
		all.libraries[path.Base(l)] = file
		if err := all.add(file); err != nil {
			return nil, err
		}
	}
	var list []entry
	for name, file := range all.libraries {
		list = append(list, entry{target: path.Join(libraryFolder, name), source: file})
	}
	if all.loader != "" {
		list = append(list, entry{target: all.loader, source: all.loader})
	}
	return list, nil
}

// add asks the system's loader what file links to, all levels deep.
func (l *linked) add(file string) error {
	output, err := exec.Command("ldd", file).CombinedOutput()
	if err != nil {
		if isStatic(string(output)) {
			return nil
		}
		return fmt.Errorf("finding the libraries of %s: %w: %s", file, err, output)
	}
	found, err := parseLdd(string(output))
	if err != nil {
		return fmt.Errorf("finding the libraries of %s: %w", file, err)
	}
	for name, place := range found.libraries {
		l.libraries[name] = place
	}
	if found.loader != "" {
		l.loader = found.loader
	}
	return nil
}

func isStatic(output string) bool {
	return strings.Contains(output, "not a dynamic executable") || strings.Contains(output, "statically linked")
}

// parseLdd reads lines such as
//
//	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f...)
//	/lib64/ld-linux-x86-64.so.2 (0x00007f...)
//
// and skips linux-vdso, which no file holds.
func parseLdd(output string) (linked, error) {
	found := linked{libraries: map[string]string{}}
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		name, place, arrow := strings.Cut(line, " => ")
		place, _, _ = strings.Cut(place, " (")
		switch {
		case arrow && place == "not found":
			return linked{}, fmt.Errorf("%s is not installed", name)
		case arrow && strings.HasPrefix(name, "/"): // the loader, where it is a link
			found.loader = name
		case arrow:
			found.libraries[name] = place
		case strings.HasPrefix(line, "/"):
			found.loader, _, _ = strings.Cut(line, " (")
		}
	}
	return found, nil
}

// findLibrary resolves a soname the way dlopen would: by the loader's cache.
func findLibrary(name string) (string, error) {
	if strings.Contains(name, "/") {
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("finding a library: %w", err)
		}
		return name, nil
	}
	ldconfig := "/sbin/ldconfig"
	if found, err := exec.LookPath("ldconfig"); err == nil {
		ldconfig = found
	}
	output, err := exec.Command(ldconfig, "-p").Output()
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", name, err)
	}
	return parseCache(string(output), name)
}

// parseCache reads lines such as "libz.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libz.so.1".
func parseCache(output, name string) (string, error) {
	for line := range strings.Lines(output) {
		soname, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		_, place, arrow := strings.Cut(line, " => ")
		if arrow && soname == name {
			return filepath.Clean(strings.TrimSpace(place)), nil
		}
	}
	return "", fmt.Errorf("finding %s: it is not installed", name)
}
