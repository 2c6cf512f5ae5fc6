package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

const libraryName = "libaircache_cuda.so"

// libraryVariable names the library's file where no option does.
const libraryVariable = "AIRCACHE_CUDA_LIBRARY"

// library is the opened library: the addresses of its entry points.
type library struct {
	path      string
	arguments [1]uintptr

	abi, open, close, sync, lastError                              uintptr
	alloc, free, memoryFree, write, read                           uintptr
	gather, scatter, blend, patches                                uintptr
	add, layerNorm, rmsNorm, linear, activate, gatedSiLU           uintptr
	normHeads                                                      uintptr
	reserve, stageBegin, stageEnd                                  uintptr
	embed, angles, appendKV, attend, mix, turn, sample, sampled    uintptr
	captureBegin, captureEnd, graphLaunch, graphFree               uintptr
	compress, compressed                                           uintptr
	readPages, writePages                                          uintptr
	relevance, importance, columns, density, keepRows, readRowsOut uintptr
}

// openLibrary opens the file that is named, or the first that is there.
func openLibrary(named string) (*library, error) {
	path, err := findLibrary(named)
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread() // the loader tells the reason of a failure to the thread that failed
	defer runtime.UnlockOSThread()
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("opening the CUDA library: %w", err)
	}
	l := &library{path: path}
	for name, at := range l.symbols() {
		if *at, err = purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("opening the CUDA library: %s has no %s: build it from this program's commit", path, name)
		}
	}
	if have, _, _ := purego.SyscallN(l.abi); int32(have) != abiVersion {
		return nil, fmt.Errorf("opening the CUDA library: %s speaks version %d, this program %d: build both from one commit", path, int32(have), abiVersion)
	}
	return l, nil
}

func (l *library) symbols() map[string]*uintptr {
	return map[string]*uintptr{
		"aircache_abi": &l.abi, "aircache_open": &l.open, "aircache_close": &l.close, "aircache_sync": &l.sync, "aircache_error": &l.lastError,
		"aircache_alloc": &l.alloc, "aircache_free": &l.free, "aircache_memory_free": &l.memoryFree, "aircache_write": &l.write, "aircache_read": &l.read,
		"aircache_gather": &l.gather, "aircache_scatter": &l.scatter, "aircache_blend": &l.blend, "aircache_patches": &l.patches,
		"aircache_add": &l.add, "aircache_layer_norm": &l.layerNorm, "aircache_rms_norm": &l.rmsNorm, "aircache_norm_heads": &l.normHeads, "aircache_linear": &l.linear,
		"aircache_activate": &l.activate, "aircache_gated_silu": &l.gatedSiLU,
		"aircache_reserve": &l.reserve, "aircache_stage_begin": &l.stageBegin, "aircache_stage_end": &l.stageEnd,
		"aircache_embed": &l.embed, "aircache_angles": &l.angles, "aircache_append": &l.appendKV, "aircache_attend": &l.attend, "aircache_mix": &l.mix, "aircache_turn": &l.turn,
		"aircache_sample": &l.sample, "aircache_sampled": &l.sampled,
		"aircache_capture_begin": &l.captureBegin, "aircache_capture_end": &l.captureEnd, "aircache_graph_launch": &l.graphLaunch, "aircache_graph_free": &l.graphFree,
		"aircache_relevance": &l.relevance, "aircache_importance": &l.importance, "aircache_columns": &l.columns, "aircache_density": &l.density,
		"aircache_compress": &l.compress, "aircache_compressed": &l.compressed,
		"aircache_keep": &l.keepRows, "aircache_read_rows": &l.readRowsOut,
		"aircache_read_pages": &l.readPages, "aircache_write_pages": &l.writePages,
	}
}

// findLibrary gives the path to open. A file that was named must be there.
func findLibrary(named string) (string, error) {
	for _, path := range []string{named, os.Getenv(libraryVariable)} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("opening the CUDA library: %w", err)
		}
		return path, nil
	}
	if path, err := embedded(); path != "" || err != nil {
		return path, err
	}
	places := []string{filepath.Join("bin", "cuda", libraryName)}
	if program, err := os.Executable(); err == nil {
		places = append([]string{filepath.Join(filepath.Dir(program), libraryName), filepath.Join(filepath.Dir(program), "cuda", libraryName)}, places...)
	}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("%w: %s is at none of %s, nor is %s set", ErrUnavailable, libraryName, strings.Join(places, ", "), libraryVariable)
}

// call runs an entry point with its params. The one argument lies in the library, so that a call allocates nothing.
func (l *library) call(entry uintptr, params unsafe.Pointer) int32 {
	l.arguments[0] = uintptr(params)
	code, _, _ := purego.SyscallN(entry, l.arguments[:]...)
	return int32(code)
}
