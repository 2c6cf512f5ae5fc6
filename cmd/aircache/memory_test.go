package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

const mib = 1 << 20

func TestPlanCache(t *testing.T) {
	for _, c := range []struct {
		name          string
		asked         int64
		m             memory
		weights, most int64
		want          int64
		says          string
	}{
		{"what is asked for is taken", 7 * mib, memory{}, 0, 1 << 40, 7 * mib, "--kv-cache-bytes"},
		{"half of the container's limit less the weights", 0, memory{cgroup: 1024 * mib, available: 8192 * mib}, 44 * mib, 1 << 40, 468 * mib, "the cgroup's limit"},
		{"a machine that has less than the limit decides", 0, memory{cgroup: 8192 * mib, available: 1000 * mib}, 44 * mib, 1 << 40, 456 * mib, "available memory"},
		{"without a limit the machine decides", 0, memory{available: 1000 * mib}, 44 * mib, 1 << 40, 456 * mib, "available memory"},
		{"never more than the requests can fill", 0, memory{available: 64 << 30}, 44 * mib, 2048 * mib, 2048 * mib, "at most"},
		{"too little is an error", 0, memory{cgroup: 100 * mib}, 44 * mib, 1 << 40, 0, "at least 16777216 are needed"},
		{"nothing known is an error", 0, memory{}, 0, 1 << 40, 0, "set --kv-cache-bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := planCache(c.asked, c.m, c.weights, c.most)
			said := plan.reason
			if err != nil {
				said = err.Error()
			}
			if plan.bytes != c.want || (err == nil) != (c.want > 0) || !strings.Contains(said, c.says) {
				t.Errorf("got %d bytes, %q, want %d, ...%s...", plan.bytes, said, c.want, c.says)
			}
		})
	}
}

func TestHeapLimit(t *testing.T) {
	for name, c := range map[string]struct {
		m           memory
		cache, want int64
	}{
		"nine tenths of what the cache leaves":          {memory{cgroup: 1000 * mib}, 500 * mib, 450 * mib},
		"none without a limit of the container's":       {memory{available: 1000 * mib}, 500 * mib, 0},
		"none where the cache is larger than the limit": {memory{cgroup: 100 * mib}, 500 * mib, 0},
	} {
		if got := heapLimit(c.m, c.cache); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestReadMemory(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	meminfo := file("MemTotal:  100 kB\nMemAvailable:   2048 kB\n")
	for _, c := range []struct {
		name string
		root fstest.MapFS
		want memory
	}{
		{"a container with its own cgroup root", fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("1048576\n"), "proc/meminfo": meminfo}, memory{mib, 2 * mib}},
		{"the lowest limit up the tree counts", fstest.MapFS{"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("max\n"), "sys/fs/cgroup/a/memory.max": file("4096\n"), "sys/fs/cgroup/memory.max": file("8192\n")}, memory{4096, 0}},
		{"version 1", fstest.MapFS{"sys/fs/cgroup/memory/memory.limit_in_bytes": file("1048576\n")}, memory{mib, 0}},
		{"version 1 without a namespace of its own", fstest.MapFS{"proc/self/cgroup": file("5:cpu:/x\n4:memory:/a/b\n0::/\n"), "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": file("4096\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, memory{4096, 0}},
		{"version 1 without a limit", fstest.MapFS{"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, memory{}},
		{"nothing at all", fstest.MapFS{}, memory{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := readMemory(c.root); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
