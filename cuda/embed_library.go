//go:build embedcuda

package cuda

import (
	_ "embed"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// libraryFile is put here by `make release`, which the tag embedcuda belongs to.
//
//go:embed libaircache_cuda.so
var libraryFile []byte

// embedded writes the library into an anonymous file, which lives as long as this process.
func embedded() (string, error) {
	fd, err := unix.MemfdCreate(libraryName, unix.MFD_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("making a file for the CUDA library: %w", err)
	}
	file := os.NewFile(uintptr(fd), libraryName)
	if _, err := file.Write(libraryFile); err != nil {
		return "", fmt.Errorf("writing the CUDA library: %w", err)
	}
	keptOpen = file
	return fmt.Sprintf("/proc/self/fd/%d", keptOpen.Fd()), nil
}

// keptOpen holds the anonymous file: it goes when its last descriptor is closed.
var keptOpen *os.File
