package hub

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func never() bool { return false }

func TestOneHolderAtATime(t *testing.T) {
	o := quick(t.TempDir()).complete()
	o.Stale = time.Hour
	var mu sync.Mutex
	inside, most, turns := 0, 0, 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, l, err := acquire(context.Background(), o, o.Cache, "r", never)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			inside, turns = inside+1, turns+1
			most = max(most, inside)
			mu.Unlock()
			<-time.After(3 * time.Millisecond)
			mu.Lock()
			inside--
			mu.Unlock()
			l.release()
		})
	}
	all.Wait()
	if most != 1 || turns != 8 {
		t.Errorf("%d at once, %d turns", most, turns)
	}
	if files, _ := filepath.Glob(filepath.Join(o.Cache, ".lease-*")); len(files) != 1 {
		t.Errorf("%q are left, one is enough", files)
	}
}

func TestAnUnchangedLeaseOfAnotherMachineGetsStale(t *testing.T) {
	o := quick(t.TempDir()).complete()
	dead := filepath.Join(o.Cache, ".lease-r.4")
	if err := os.WriteFile(dead, []byte("far-away 0000000007\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, l, err := acquire(context.Background(), o, o.Cache, "r", never)
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	if waited := time.Since(begun); l.number != 5 || waited < o.Stale {
		t.Errorf("lease %d was taken after %v", l.number, waited)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("the overruled lease is still there")
	}
}

func TestALeaseThatBeatsIsWaitedFor(t *testing.T) {
	o := quick(t.TempDir()).complete()
	_, first, err := acquire(context.Background(), o, o.Cache, "r", never)
	if err != nil {
		t.Fatal(err)
	}
	o.Host = "there"
	ctx, cancel := context.WithTimeout(context.Background(), 4*o.Stale)
	defer cancel()
	if _, _, err := acquire(ctx, o, o.Cache, "r", never); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lease that is renewed was taken: %v", err)
	}
	first.release()
	_, second, err := acquire(context.Background(), o, o.Cache, "r", never)
	if err != nil {
		t.Fatal(err)
	}
	second.release()
}

func TestAnOverruledHolderLearnsOfIt(t *testing.T) {
	o := quick(t.TempDir()).complete()
	held, l, err := acquire(context.Background(), o, o.Cache, "r", never)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.path(l.number+1), []byte("there 0000000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	<-held.Done()
	if !errors.Is(context.Cause(held), errLeaseLost) {
		t.Error(context.Cause(held))
	}
	l.release()
	if b, _ := os.ReadFile(l.path(l.number + 1)); strings.TrimSpace(string(b)) == leaseFree {
		t.Error("it freed the lease of another")
	}
}

// A holder that slept through its end finds its folder gone and publishes nothing.
func TestTheFence(t *testing.T) {
	w := newWorld(t)
	c := &cache{options: w.options.complete(), dir: t.TempDir()}
	slow, err := c.adopt(commit, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(slow, "model"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(slow, "model", "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	next, err := c.adopt(commit, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(next, "model", "config.json")); err != nil {
		t.Errorf("the next holder does not have what the last one fetched: %v", err)
	}
	if err := c.publish(context.Background(), commit, slow, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the overruled holder published: %v", err)
	}
}

// TestTwoProcesses lets real processes fetch into one cache at the same time: one fetches, the others wait.
func TestTwoProcesses(t *testing.T) {
	w := newWorld(t)
	const children = 4
	var all sync.WaitGroup
	for range children {
		all.Go(func() {
			out, err := w.child().CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	w.isWhole(Model{Dir: filepath.Join(w.options.Cache, "huggingface/org/model", commit)})
	small, segments := int64(4), int64(3*3)
	if n := w.hub.Served.Load(); n != small+segments {
		t.Errorf("%d processes asked for %d parts, one needs %d", children, n, small+segments)
	}
}

func TestAKilledProcessIsReplacedAtOnce(t *testing.T) {
	w := newWorld(t)
	reached := make(chan struct{}, 100)
	w.hub.SetFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.Header.Get("Range"), "bytes=2000-") {
			return false
		}
		reached <- struct{}{}
		<-r.Context().Done()
		return true
	})
	victim := w.child()
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	_ = victim.Process.Kill()
	_ = victim.Wait()
	w.hub.SetFault(nil)
	w.options.Stale = time.Hour // it is the kernel that tells
	w.mustPull(model)
}

// child is this test binary, fetching the model (see TestMain).
func (w *world) child() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HUB_TEST_ENDPOINT="+w.options.Endpoint, "HUB_TEST_CACHE="+w.options.Cache)
	return cmd
}

func TestMain(m *testing.M) {
	if endpoint := os.Getenv("HUB_TEST_ENDPOINT"); endpoint != "" {
		o := quick(os.Getenv("HUB_TEST_CACHE"))
		o.Endpoint, o.Stale = endpoint, time.Hour
		if _, err := Pull(context.Background(), model, o); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
