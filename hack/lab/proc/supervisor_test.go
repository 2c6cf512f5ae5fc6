package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func newSupervisor(t *testing.T) *Supervisor {
	t.Helper()
	s := &Supervisor{Logs: t.TempDir(), Grace: 10 * time.Second}
	t.Cleanup(func() { s.Stop() })
	return s
}

func start(t *testing.T, s *Supervisor, name, script string) {
	t.Helper()
	if err := s.Start(name, "/bin/sh", "-c", script); err != nil {
		t.Fatal(err)
	}
}

func TestProcessesStopInReverseOrder(t *testing.T) {
	s := newSupervisor(t)
	for _, name := range []string{"etcd", "kube-apiserver", "kubelet"} {
		start(t, s, name, "exec sleep 600")
	}
	if got, want := s.Stop(), []string{"kubelet", "kube-apiserver", "etcd"}; !slices.Equal(got, want) {
		t.Errorf("stopped %v, want %v", got, want)
	}
	if again := s.Stop(); len(again) != 0 {
		t.Errorf("a second stop found %v", again)
	}
}

func TestProcessThatIgnoresTermIsKilled(t *testing.T) {
	s := newSupervisor(t)
	s.Grace = time.Millisecond
	ready := filepath.Join(t.TempDir(), "ready")
	start(t, s, "stubborn", fmt.Sprintf("trap '' TERM; touch %s; while :; do sleep 600; done", ready))
	err := s.Await(context.Background(), "the trap", func(context.Context) error { _, err := os.Stat(ready); return err })
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Stop(); len(got) != 1 { // returns only when the process is gone
		t.Errorf("stopped %v, want one process", got)
	}
}

func TestAwaitFailsWhenAnyProcessEnds(t *testing.T) {
	s := newSupervisor(t)
	start(t, s, "etcd", "exec sleep 600")
	start(t, s, "kube-apiserver", "echo bad flag; exit 3")
	err := s.Await(context.Background(), "node", func(context.Context) error { return errors.New("not yet") })
	var ended *EndedError
	if !errors.As(err, &ended) || ended.Name != "kube-apiserver" {
		t.Fatalf("got %v, want it to name kube-apiserver", err)
	}
	tail, err := Tail(s.LogFile(ended.Name), 5)
	if err != nil || tail != "bad flag" {
		t.Errorf("the log's tail is %q, %v", tail, err)
	}
}

func TestAwaitGivesTheLastReasonWhenTimeIsUp(t *testing.T) {
	s := newSupervisor(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	err := s.Await(ctx, "node", func(context.Context) error {
		cancel(errors.New("60 s are over"))
		return errors.New("KubeletNotReady")
	})
	if err == nil || !strings.Contains(err.Error(), "60 s are over") || !strings.Contains(err.Error(), "KubeletNotReady") {
		t.Errorf("got %v, want the limit and the last reason", err)
	}
}

func TestOnEndHearsOnlyOfUnexpectedEnds(t *testing.T) {
	heard := make(chan string, 2)
	s := newSupervisor(t)
	s.OnEnd = func(name string, _ error) { heard <- name }
	start(t, s, "kubelet", "exec sleep 600")
	start(t, s, "fakegpu", "exit 1")
	if name := <-heard; name != "fakegpu" {
		t.Errorf("heard of %s, want fakegpu", name)
	}
	s.Stop()
	select {
	case name := <-heard:
		t.Errorf("heard of %s, which was stopped on purpose", name)
	default:
	}
}

func TestStartWithAddsVariables(t *testing.T) {
	s := newSupervisor(t)
	if err := s.StartWith([]string{"SYSTEM_NAMESPACE=default"}, "karpenter", "/bin/sh", "-c", "echo in $SYSTEM_NAMESPACE; exec sleep 600"); err != nil {
		t.Fatal(err)
	}
	err := s.Await(context.Background(), "its word", func(context.Context) error {
		if tail, err := Tail(s.LogFile("karpenter"), 1); err != nil || tail != "in default" {
			return fmt.Errorf("its log reads %q: %w", tail, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestProcessThatEndsIsStartedAgainWhereThatIsWanted(t *testing.T) {
	s := newSupervisor(t)
	s.PIDs = t.TempDir()
	s.Restart = func(name string) bool { return name == "kube-apiserver" }
	start(t, s, "kube-apiserver", "echo up; exec sleep 600")
	pid := func() int {
		content, err := os.ReadFile(filepath.Join(s.PIDs, "kube-apiserver"))
		n, parsed := strconv.Atoi(string(content))
		if err != nil || parsed != nil {
			return 0
		}
		return n
	}
	wrote := func(want string) func(context.Context) error {
		return func(context.Context) error {
			if tail, _ := Tail(s.LogFile("kube-apiserver"), 2); tail != want {
				return fmt.Errorf("its log reads %q", tail)
			}
			return nil
		}
	}
	if err := s.Await(t.Context(), "the first", wrote("up")); err != nil { // killed before its word it would leave one word less
		t.Fatal(err)
	}
	first := pid()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := s.Await(t.Context(), "the second", wrote("up\nup")); err != nil {
		t.Fatal(err)
	}
	if pid() == first {
		t.Error("the file still has the number of the first")
	}
}

func TestLastLines(t *testing.T) {
	tests := []struct {
		name, content string
		lines         int
		want          string
	}{
		{"fewer lines than asked for", "a\nb\n", 5, "a\nb"},
		{"more lines than asked for", "a\nb\nc\n", 2, "b\nc"},
		{"no newline at the end", "a\nb\nc", 1, "c"},
		{"an empty file", "", 3, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(lastLines([]byte(test.content), test.lines)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
