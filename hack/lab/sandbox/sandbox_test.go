package sandbox

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const (
	hybrid = "4:memory:/user/one\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/\n"
	mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n" +
		"cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n" +
		"cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n" +
		"cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0\n" +
		"cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n"
)

func TestHierarchiesAreFoundWhereTheyAreMounted(t *testing.T) {
	want := map[Hierarchy]string{
		{"memory", "/user/one"}: "/sys/fs/cgroup/memory",
		{"cpu,cpuacct", "/"}:    "/sys/fs/cgroup/cpu,cpuacct",
		{"name=systemd", "/"}:   "/sys/fs/cgroup/systemd",
		{"", "/"}:               "/sys/fs/cgroup/unified",
	}
	list := parseHierarchies(hybrid)
	if len(list) != len(want) {
		t.Fatalf("got %v, want %d hierarchies", list, len(want))
	}
	for _, h := range list {
		if got := h.mountOf(mounts); got != want[h] {
			t.Errorf("%v is mounted at %q, want %q", h, got, want[h])
		}
	}
	if got := (Hierarchy{"pids", "/"}).mountOf(mounts); got != "" {
		t.Errorf("pids is not mounted, got %q", got)
	}
}

func TestOnlyOneUnifiedHierarchyIsPureV2(t *testing.T) {
	if isPureV2(parseHierarchies(hybrid)) {
		t.Error("a machine with v1 controllers is not pure v2")
	}
	if !isPureV2(parseHierarchies("0::/user.slice/session-1.scope\n")) {
		t.Error("a machine with nothing but v2 is pure v2")
	}
}

func TestMountArguments(t *testing.T) {
	tests := []struct {
		hierarchy Hierarchy
		want      [3]string
	}{
		{Hierarchy{"", "/"}, [3]string{"unified", "cgroup2", ""}},
		{Hierarchy{"name=systemd", "/"}, [3]string{"systemd", "cgroup", "none,name=systemd"}},
		{Hierarchy{"cpu,cpuacct", "/"}, [3]string{"cpu,cpuacct", "cgroup", "cpu,cpuacct"}},
	}
	for _, test := range tests {
		name, kind, data := test.hierarchy.mountArguments()
		if got := [3]string{name, kind, data}; got != test.want {
			t.Errorf("%v: got %v, want %v", test.hierarchy, got, test.want)
		}
	}
}

func TestSubtreeControlEnablesEveryController(t *testing.T) {
	if got, want := subtreeControl("cpu memory pids\n"), "+cpu +memory +pids"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRemoveCgroupRemovesWhatIsBelowFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	if err := os.MkdirAll(filepath.Join(dir, "kubepods/pod1/container"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := RemoveCgroup(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if err := RemoveCgroup(dir); err != nil {
		t.Errorf("removing it again: %v", err)
	}
}

func TestJanitorWorksOnlyWhenItsInputEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(filepath.Join(dir, "etcd"), 0o755); err != nil {
		t.Fatal(err)
	}
	tether := readerFunc(func() {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("the folder is gone while the lab still runs: %v", err)
		}
	})
	if err := RunJanitor(tether, `{"dir":"`+dir+`"}`); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// readerFunc looks around once and then reports the end of input.
type readerFunc func()

func (f readerFunc) Read([]byte) (int, error) { f(); return 0, io.EOF }

func TestCodeOfIsWhatAShellGives(t *testing.T) {
	for status, want := range map[syscall.WaitStatus]int{0: 0, 3 << 8: 3, syscall.WaitStatus(syscall.SIGKILL): 137, syscall.WaitStatus(syscall.SIGTERM): 143} {
		if got := CodeOf(status); got != want {
			t.Errorf("status %d: got %d, want %d", status, got, want)
		}
	}
}

func TestNetworkUsesNoDummyInterface(t *testing.T) {
	commands := networkCommands("10.250.0.1")
	var joined []string
	for _, c := range commands {
		joined = append(joined, strings.Join(c, " "))
	}
	if !slices.Contains(joined, "addr add 10.250.0.1/24 dev node0") || strings.Contains(strings.Join(joined, ";"), "dummy") {
		t.Errorf("got %v", joined)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	p, err := FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	if p.KarpenterHealth == 0 || p.KarpenterHealth == p.KarpenterMetrics {
		t.Errorf("got %+v", p)
	}
	if p.Etcd == p.EtcdPeer || p.Etcd == p.API || p.EtcdPeer == p.API || p.API == 0 {
		t.Errorf("got %+v", p)
	}
}
