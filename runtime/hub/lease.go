package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lease is the right to fetch one revision into a shared folder: the file with the highest number (see the package's text).
type lease struct {
	options Options
	dir     string
	prefix  string // of the files' names
	number  int
	file    *os.File      // held with flock as long as this process lives
	end     func()        // of the beats and of the context that a holder works under
	beaten  chan struct{} // closed when the beats have ended
}

var errLeaseLost = errors.New("another process has taken the fetch over")

// Words in a lease file: "<host> <beats>" while it is held, "free" after it.
const leaseFree = "free"

// acquire waits until the lease is free or stale and takes it. done is asked before every wait: it may be over by then. The
// context that it returns ends when the lease is lost.
func acquire(ctx context.Context, o Options, dir, revision string, done func() bool) (context.Context, *lease, error) {
	l := &lease{options: o, dir: dir, prefix: ".lease-" + revision + "."}
	var last string // what the highest file was at the last look
	var looks int   // in a row without a change
	for {
		number, content, err := l.highest()
		if err != nil {
			return nil, nil, err
		}
		if state := fmt.Sprint(number, content); state == last {
			looks++
		} else {
			last, looks = state, 0
		}
		stale := o.Beat*time.Duration(looks) >= o.Stale
		if number == 0 || content == leaseFree || stale || l.isDead(number, content) {
			if stale {
				o.Log.Warn("taking over a fetch that stands still", "holder", content, "for", o.Stale.String())
			}
			held, err := l.take(number + 1)
			if err != nil {
				return nil, nil, err
			}
			if held {
				return l.beat(ctx)
			}
			continue
		}
		if done() {
			return nil, nil, nil
		}
		o.Progress.wait("waiting for " + strings.Fields(content + " ?")[0] + ", which fetches the same model")
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-o.After(o.Beat):
		}
	}
}

// highest is the file that counts now; number 0: there is none. Opening a file anew makes NFS ask its server.
func (l *lease) highest() (number int, content string, err error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return 0, "", fmt.Errorf("reading the cache: %w", err)
	}
	for _, e := range entries {
		if n := l.numberOf(e.Name()); n > number {
			number = n
		}
	}
	if number == 0 {
		return 0, "", nil
	}
	b, err := os.ReadFile(l.path(number))
	if errors.Is(err, fs.ErrNotExist) {
		return number, "", nil // overruled this moment: the next look sees by whom
	}
	if err != nil {
		return 0, "", fmt.Errorf("reading a lease: %w", err)
	}
	return number, strings.TrimSpace(string(b)), nil
}

func (l *lease) numberOf(name string) int {
	digits, found := strings.CutPrefix(name, l.prefix)
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 1 {
		return 0
	}
	return n
}

func (l *lease) path(number int) string {
	return filepath.Join(l.dir, l.prefix+strconv.Itoa(number))
}

// take makes the file of a number, if nobody did before and no higher one is there.
func (l *lease) take(number int) (bool, error) {
	f, err := os.OpenFile(l.path(number), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, explainDisk(l.path(number), err)
	}
	l.number, l.file = number, f
	_ = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) // file systems without it only lose the shortcut of isDead
	err = l.write(0)
	highest, _, lookErr := l.highest()
	if err := errors.Join(err, lookErr); err != nil || highest != number {
		os.Remove(l.path(number))
		f.Close()
		return false, err
	}
	for n := number - 1; n > 0; n-- { // those that were overruled
		if os.Remove(l.path(n)) != nil {
			break
		}
	}
	return true, nil
}

// isDead tells that the holder was a process of this host that has ended: the kernel has dropped its flock. A restarted pod need
// not wait for its own last life.
func (l *lease) isDead(number int, content string) bool {
	host, _, found := strings.Cut(content, " ")
	if !found || host != l.options.Host || host == unknownHost {
		return false
	}
	f, err := os.OpenFile(l.path(number), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// write is one beat. The number has a fixed width, so that it needs no new block on a full disk.
func (l *lease) write(beats int) error {
	_, err := l.file.WriteAt(fmt.Appendf(nil, "%s %010d\n", l.options.Host, beats), 0)
	if err == nil {
		err = l.file.Sync() // so that other machines see it
	}
	if err != nil {
		return explainDisk(l.path(l.number), err)
	}
	return nil
}

// beat renews the lease until it is released, or ends the context when it is lost.
func (l *lease) beat(ctx context.Context) (context.Context, *lease, error) {
	held, lose := context.WithCancelCause(ctx)
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.end, l.beaten = func() { stop(); lose(nil) }, make(chan struct{})
	go func() {
		defer close(l.beaten)
		failed := 0
		for beats := 1; ; beats++ {
			select {
			case <-beating.Done():
				return
			case <-l.options.After(l.options.Beat):
			}
			if number, _, err := l.highest(); err == nil && number != l.number {
				lose(errLeaseLost)
				return
			}
			if err := l.write(beats); err == nil {
				failed = 0
			} else if failed++; l.options.Beat*time.Duration(failed+1) >= l.options.Stale { // by now others think that it is over
				lose(fmt.Errorf("%w: the lease could not be renewed: %w", errLeaseLost, err))
				return
			}
		}
	}()
	return held, l, nil
}

// release lets the next one in at once. The file stays, so that its number is not given twice.
func (l *lease) release() {
	l.end()
	<-l.beaten
	if number, _, err := l.highest(); err == nil && number == l.number {
		if l.file.Truncate(0) == nil {
			_, _ = l.file.WriteAt([]byte(leaseFree), 0) // a lease that is not freed gets stale
			_ = l.file.Sync()
		}
	}
	l.file.Close()
}
