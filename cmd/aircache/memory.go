package main

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"aircache.dev/aircache/runtime/plan"
)

// memory is what bounds this process.
type memory struct {
	cgroup    int64 // limit of its cgroup; 0: none
	available int64 // of the machine, now
}

// cachePlan is the size of the KV cache and where it comes from.
type cachePlan struct {
	bytes  int64
	reason string
}

// minCacheBytes is the least that is derived; a smaller machine must say --kv-cache-bytes.
const minCacheBytes = 16 << 20

// limit is what the process may use before it has loaded anything, and who says so; 0: unknown.
func (m memory) limit() (bytes int64, source string) {
	if m.cgroup == 0 || m.available > 0 && m.available < m.cgroup {
		return m.available, "the machine's available memory"
	}
	return m.cgroup, "the cgroup's limit"
}

// planCache derives the cache's size: half of the memory that the process may use,
// less the weights that will be loaded, and never more than all running requests at
// full length can fill. A container of 1 GiB with 44 MiB of weights gets
// 512 - 44 = 468 MiB.
func planCache(asked int64, m memory, weights, most int64) (cachePlan, error) {
	if asked > 0 {
		return cachePlan{asked, "--kv-cache-bytes"}, nil
	}
	limit, source := m.limit()
	if limit <= 0 {
		return cachePlan{}, fmt.Errorf("deriving the KV cache's size: neither a cgroup limit nor the available memory is known; set --kv-cache-bytes")
	}
	bytes := limit/2 - weights
	reason := fmt.Sprintf("half of %s (%d bytes) less the weights (%d bytes)", source, limit, weights)
	if bytes > most {
		return cachePlan{most, reason + ", at most what --max-running requests of full length fill"}, nil
	}
	if bytes < min(minCacheBytes, most) {
		return cachePlan{}, fmt.Errorf("deriving the KV cache's size: %w: %s leaves %d bytes, at least %d are needed; set --kv-cache-bytes or give more memory", plan.ErrTooLarge, reason, bytes, minCacheBytes)
	}
	return cachePlan{bytes, reason}, nil
}

// heapLimit is what the Go runtime may take before it collects garbage in earnest:
// nine tenths of what the container's limit leaves beside the KV cache, which lies
// outside of the heap. Without it garbage may double the heap and the kernel ends
// the pod. 0: no limit is known, or the cache leaves nothing to divide.
func heapLimit(m memory, cacheBytes int64) int64 {
	return max(0, (m.cgroup-cacheBytes)/10*9)
}

// readMemory reads the limits from the root of a file system (os.DirFS("/")).
func readMemory(root fs.FS) memory {
	return memory{cgroup: cgroupLimit(root), available: availableMemory(root)}
}

// cgroupLimit is the lowest limit from the process's own cgroup up to the root, in version 2's tree and in version 1's.
func cgroupLimit(root fs.FS) int64 {
	lowest := int64(math.MaxInt64)
	for _, tree := range []struct{ controllers, mount, file string }{
		{"", "sys/fs/cgroup", "memory.max"},
		{"memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes"},
	} {
		for dir := ownCgroup(root, tree.controllers); ; dir = path.Dir(dir) {
			if n, ok := readNumber(root, path.Join(tree.mount, dir, tree.file)); ok {
				lowest = min(lowest, n)
			}
			if dir == "." {
				break
			}
		}
	}
	if lowest >= 1<<50 { // version 1 says "none" with a number near 2^63
		return 0
	}
	return lowest
}

// ownCgroup is the process's path in the tree of some controllers (none: version 2's), relative; "." where there is none.
// A line of the file is "4:memory:/path", or "0::/path" for version 2.
func ownCgroup(root fs.FS, controllers string) string {
	b, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(b)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		if dir, ok := strings.CutPrefix(rest, controllers+":/"); ok && fs.ValidPath(dir) {
			return dir
		}
	}
	return "."
}

func readNumber(root fs.FS, name string) (int64, bool) {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil && n > 0 // "max" is no number
}

func availableMemory(root fs.FS) int64 {
	b, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemAvailable:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}
