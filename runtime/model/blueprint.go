package model

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/weights"
)

// Counter is a backend that allocates nothing and says how much it was asked for.
type Counter interface {
	backend.Backend
	Allocated() int64 // bytes
}

// Footprint is what a model takes of a device's memory beside its page pool, in bytes.
type Footprint struct {
	Config      Config
	Weights     int64
	Activations int64 // of the longest prompt, the widest step and the largest picture, which shares memory with prompts where it can
	Vision      int64 // what the largest picture alone would take
}

// Measure goes through loading a folder and reserving its activations on a backend that only counts, so that what it says is
// what [Load] and [LLaVA.Reserve] will ask for. The weights' shapes are checked and none of their values is read; a folder
// without weights is measured by its configuration alone.
func Measure(dir string, b Counter, c Capacity) (Footprint, error) {
	s, err := readSettings(dir)
	if err != nil {
		return Footprint{}, fmt.Errorf("measuring a model: %w", err)
	}
	checkpoint, err := weights.Open(dir)
	if errors.Is(err, weights.ErrNone) {
		return measure(s, nothing{}, b, c)
	}
	if err != nil {
		return Footprint{}, fmt.Errorf("measuring a model: %w", err)
	}
	footprint, err := measure(s, unread{checkpoint}, b, c)
	return footprint, errors.Join(err, checkpoint.Close())
}

// MeasureShape measures by a config.json alone, such as [Shape]'s.
func MeasureShape(config []byte, b Counter, c Capacity) (Footprint, error) {
	s, err := settingsOf(config)
	if err != nil {
		return Footprint{}, fmt.Errorf("measuring a model: %w", err)
	}
	return measure(s, nothing{}, b, c)
}

func measure(s *settings, from source, b Counter, c Capacity) (f Footprint, err error) {
	begun := b.Allocated()
	m, err := build(s, from, b)
	if err != nil {
		return f, fmt.Errorf("measuring a model: %w", err)
	}
	loaded := b.Allocated()
	f.Config, f.Weights = m.config, loaded-begun
	rows := m.config.MaxPosition
	if c.Rows > 0 {
		rows = min(rows, c.Rows)
	}
	err = m.reserveVision()
	f.Vision = b.Allocated() - loaded
	err = errors.Join(err, m.reserveActivations(rows, m.ops.Bucket(max(1, c.Sequences))))
	f.Activations = b.Allocated() - loaded
	if err != nil {
		return f, fmt.Errorf("measuring a model: %w", err)
	}
	return f, nil
}

// unread is a checkpoint whose shapes are checked and whose values are not looked at.
type unread struct{ source }

func (u unread) Use(name string, _ func(weights.Tensor) error, wantShape ...int) error {
	return u.source.Use(name, func(weights.Tensor) error { return nil }, wantShape...)
}

// nothing has every tensor, and no values.
type nothing struct{}

func (nothing) Has(string) bool { return true }

func (nothing) Use(string, func(weights.Tensor) error, ...int) error { return nil }
