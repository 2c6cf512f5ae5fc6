package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aircache.dev/aircache/hack/lab/oci"
)

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseRun(t *testing.T) {
	tar := write(t, filepath.Join(t.TempDir(), "a.tar"), "")
	o, err := parseRun([]string{"-image", tar, "--image", tar, "-gpus", "4", "--", "kubectl", "get", "-A", "nodes"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Images, []string{tar, tar}) || o.GPUs != 4 || o.Node != nodeAuto || o.Keep {
		t.Errorf("got %+v", o)
	}
	if want := []string{"kubectl", "get", "-A", "nodes"}; !slices.Equal(o.Command, want) {
		t.Errorf("the command is %v, want %v", o.Command, want)
	}
}

func TestParseRunNamesWhatIsWrong(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"an unknown kind of node", []string{"-node", "docker"}, `"docker" is none of`},
		{"too many GPUs", []string{"-gpus", "2000"}, "outside 0..1024"},
		{"an image that is not there", []string{"-image", "/no/such.tar"}, "/no/such.tar"},
		{"node pools that are not there", []string{"-karpenter", "/no/such"}, "reading -karpenter"},
		{"a node file that is not there", []string{"-kwok-nodes", "/no/such.yaml"}, "reading -kwok-nodes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parseRun(test.args); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestStateFolderMustBeShortEnoughForSockets(t *testing.T) {
	if err := checkLength("/tmp/aircache-lab-1234567890"); err != nil {
		t.Error(err)
	}
	if err := checkLength("/" + strings.Repeat("x", longestDir)); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("got %v, want advice to set TMPDIR", err)
	}
}

func TestOptionsSurviveTheWayInside(t *testing.T) {
	o := options{Node: nodeReal, Images: []string{"/a.tar"}, GPUs: 8, Command: []string{"sh", "-c", "echo 'a b'"}, Dir: t.TempDir(), Bin: "/opt", Real: true}
	if err := o.save(); err != nil {
		t.Fatal(err)
	}
	got, err := loadOptions(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Command, o.Command) || !got.Real || got.Bin != o.Bin || !slices.Equal(got.Images, o.Images) {
		t.Errorf("got %+v, want %+v", got, o)
	}
}

func TestDecideNode(t *testing.T) {
	refused := errors.New("not running as root")
	tests := []struct {
		name, asked string
		why         error
		real, warns bool
		fails       bool
	}{
		{"a real node where it is possible", nodeAuto, nil, true, false, false},
		{"a loud fallback where it is not", nodeAuto, refused, false, true, false},
		{"no fallback for those who need a real node", nodeReal, refused, false, false, true},
		{"KWOK for those who ask for it, without a warning", nodeKwok, refused, false, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			real, warning, err := decideNode(test.asked, test.why)
			if real != test.real || (warning != "") != test.warns || (err != nil) != test.fails {
				t.Fatalf("got %v, %q, %v", real, warning, err)
			}
			if test.warns && (!strings.Contains(warning, "NO CONTAINER RUNS") || !strings.Contains(warning, refused.Error())) {
				t.Errorf("the warning does not say what is missing and why:\n%s", warning)
			}
		})
	}
}

func TestEnvironmentOfTheCommand(t *testing.T) {
	base := []string{"PATH=/bin", "HOME=/root", "HTTPS_PROXY=http://p", "no_proxy=x"}
	real := environment(base, options{Bin: "/lab", Dir: "/d", Real: true}, "/d/admin.kubeconfig")
	want := []string{"PATH=/lab:/bin", "HOME=/root", "GOPROXY=off", "KUBECONFIG=/d/admin.kubeconfig", "LAB_DIR=/d", "LAB_NODE=real"}
	if !slices.Equal(real, want) {
		t.Errorf("with a real node: got %v, want %v", real, want)
	}
	shared := environment(base, options{Bin: "/lab", Dir: "/d"}, "/d/admin.kubeconfig")
	if !slices.Contains(shared, "HTTPS_PROXY=http://p") || slices.Contains(shared, "GOPROXY=off") || !slices.Contains(shared, "LAB_NODE=kwok") {
		t.Errorf("without a private network the outside stays reachable: got %v", shared)
	}
}

func TestLookInPrefersTheLabsPrograms(t *testing.T) {
	lab, system := t.TempDir(), t.TempDir()
	write(t, filepath.Join(system, "kubectl"), "")
	want := write(t, filepath.Join(lab, "kubectl"), "")
	env := []string{"PATH=" + lab + ":" + system}
	if got, err := lookIn(env, "kubectl"); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := lookIn(env, "helm"); err == nil {
		t.Error("a program that is nowhere must be an error")
	}
}

func TestFindRunning(t *testing.T) {
	root := t.TempDir()
	add := func(name string, pid int) string {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := (running{Outer: pid, Dir: dir}).save(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	alive := func(pid int) bool { return pid < 100 }
	find := func() (running, error) { return findRunning(filepath.Join(root, "*"), alive) }
	add("dead", 100)
	if _, err := find(); err == nil || !strings.Contains(err.Error(), "none is running") {
		t.Errorf("with a dead lab alone: got %v", err)
	}
	one := add("one", 1)
	if r, err := find(); err != nil || r.Dir != one {
		t.Errorf("with one lab: got %v, %v", r, err)
	}
	two := add("two", 2)
	if _, err := find(); err == nil || !strings.Contains(err.Error(), "-dir") || !strings.Contains(err.Error(), two) {
		t.Errorf("with two labs: got %v, want their folders", err)
	}
}

func TestEnterKeepsTheWorkingFolderAndTheCommandsWords(t *testing.T) {
	got := enterArguments(7, "/work dir", []string{"echo", "a b"})
	if tail := got[len(got)-3:]; !slices.Equal(tail, []string{"/work dir", "echo", "a b"}) {
		t.Errorf("got %q", got)
	}
	if !slices.Contains(got, "--net") || got[2] != "7" {
		t.Errorf("got %q", got)
	}
}

func TestPruneLogsKeepsTheNewest(t *testing.T) {
	root := t.TempDir()
	for i, name := range []string{"a", "b", "c"} {
		dir := filepath.Join(root, name)
		write(t, filepath.Join(dir, "etcd.log"), "")
		at := time.Unix(int64(1000-i), 0) // a is the newest
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := pruneLogs(root, 2); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 2 || entries[0].Name() != "a" || entries[1].Name() != "b" {
		t.Errorf("left are %v, %v, want a and b", entries, err)
	}
}

func TestParseImage(t *testing.T) {
	spec, output, err := parseImage([]string{"-name", "registry.local/a:v1", "-o", "a.tar", "-entrypoint", "/serve", "-entrypoint", "--port=1",
		"-ldd", "bin/serve=/serve", "-dir", "models/tiny=/", "-lib", "libopenblas.so.0"})
	if err != nil {
		t.Fatal(err)
	}
	if output != "a.tar" || !slices.Equal(spec.Entrypoint, []string{"/serve", "--port=1"}) || !slices.Equal(spec.Libraries, []string{"libopenblas.so.0"}) {
		t.Errorf("got %+v, %s", spec, output)
	}
	if !slices.Equal(spec.Binaries, []oci.Copy{{Source: "bin/serve", Target: "/serve"}}) || !slices.Equal(spec.Dirs, []oci.Copy{{Source: "models/tiny", Target: "/"}}) {
		t.Errorf("got %+v", spec)
	}
	for _, args := range [][]string{{"-name", "registry.local/a:v1"}, {"-o", "a.tar", "stray"}} {
		if _, _, err := parseImage(args); err == nil {
			t.Errorf("%v must be refused", args)
		}
	}
}

func TestEveryFailedStepPointsToALog(t *testing.T) {
	o := options{Real: true, GPUs: 8, Bin: "/lab", Dir: "/d", Karpenter: "/pools"}
	components := o.config().Components()
	for _, step := range o.config().Plan() {
		if name := (&stepError{step: step}).component(); !slices.Contains(components, name) {
			t.Errorf("step %v points to the log of %s, which is no component", step, name)
		}
	}
}
