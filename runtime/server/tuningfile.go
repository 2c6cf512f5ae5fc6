package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"aircache.dev/aircache/runtime/control"
)

// TuningFilePeriod is how often the mounted tuning file is looked at. A kubelet
// refreshes a ConfigMap about once a minute; running pods get the same wish over
// the control port at once, so the file needs no haste.
const TuningFilePeriod = 2 * time.Second

// TuningFile follows a mounted ConfigMap's key. It is read by its path each time,
// not watched by its inode: a kubelet swaps a symlink above it.
type TuningFile struct {
	Path string
	last []byte // the content that was judged last, applied or refused
	told string // why it could not be read, if the last look says so
}

// Poll reads the file and returns its Tuning if its content is new. Whoever may edit
// the ConfigMap sets nothing by that: one of the keys must have signed what it holds. A file that is
// not there (yet) is not an error: the start value of the arguments holds. What is
// wrong with it is an error once, not at each look.
func (f *TuningFile) Poll(keys control.Keyring) (tuning control.Tuning, changed bool, err error) {
	content, err := f.read()
	if err != nil {
		news := err.Error() != f.told
		f.told = err.Error()
		if !news {
			err = nil
		}
		return control.Tuning{}, false, err
	}
	f.told = ""
	if content == nil || bytes.Equal(content, f.last) {
		return control.Tuning{}, false, nil
	}
	f.last = content
	tuning, err = keys.Open(bytes.NewReader(content))
	if err != nil {
		return control.Tuning{}, false, fmt.Errorf("reading the tuning file %s: %w", f.Path, err)
	}
	return tuning, true, nil
}

// read returns nil for a file that is not there, and no more than tells that it is too large.
func (f *TuningFile) read() ([]byte, error) {
	file, err := os.Open(f.Path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the tuning file: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, control.MaxTuningBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the tuning file: %w", err)
	}
	return content, nil
}

// FollowTuningFile applies the file at every tick until ctx ends.
func (s *Server) FollowTuningFile(ctx context.Context, file *TuningFile, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			s.ApplyTuningFile(file)
		}
	}
}

// ApplyTuningFile reads the file and applies it if it is new. A file that is not
// usable is logged, and the applied value stays.
func (s *Server) ApplyTuningFile(file *TuningFile) {
	m := s.model.Load()
	if m == nil {
		return
	}
	tuning, changed, err := file.Poll(s.opts.TuningKeys)
	if err != nil {
		s.tuningRefused("tuning file", tuning, err)
		return
	}
	if changed {
		_, _ = s.applyTuning(m.Engine, tuning, "tuning file") // a refusal is logged there; the applied value stays
	}
}
