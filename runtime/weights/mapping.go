package weights

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// mapping is a file's bytes, read when they are touched.
type mapping []byte

func mapFile(path string) (m mapping, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	// The kernel reads all shards ahead, side by side, while the first is still on its way to the device. No more than advice: where it
	// is not taken, pages are read when they are touched.
	_ = unix.Madvise(data, unix.MADV_WILLNEED)
	return data, nil
}

func (m mapping) unmap() error {
	if err := unix.Munmap(m); err != nil {
		return fmt.Errorf("unmapping weights: %w", err)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
