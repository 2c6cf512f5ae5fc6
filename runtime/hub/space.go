package hub

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeBytes is what an ordinary process may still write to a folder's file system.
func freeBytes(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("asking for the free space of %s: %w", dir, err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

// room refuses a fetch that cannot end, before its first byte.
func (o Options) room(dir string, wanted int64) error {
	free, err := o.Free(dir)
	if err != nil {
		return err
	}
	if wanted > free {
		return permanent("%w: %s are still to be written, %s has %s free", ErrNoSpace, Size(wanted), dir, Size(free))
	}
	return nil
}
