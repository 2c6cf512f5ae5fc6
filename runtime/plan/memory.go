package plan

import (
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// Measure is what a model folder asks of a device. Rows 0 is the model's own length.
func Measure(folder string, kind Kind, rows, sequences int) (model.Footprint, error) {
	return model.Measure(folder, &paper{kind: kind}, model.Capacity{Rows: rows, Sequences: sequences})
}

// MeasureShape is the same of a config.json alone.
func MeasureShape(config []byte, kind Kind, rows, sequences int) (model.Footprint, error) {
	return model.MeasureShape(config, &paper{kind: kind}, model.Capacity{Rows: rows, Sequences: sequences})
}

// Memory is a device's memory as it is divided, in bytes.
type Memory struct {
	Device      int64 // what there is for all of it
	Overhead    int64 // gone before anything is loaded
	Weights     int64
	Activations int64 // of the longest prompt, the widest step and the largest picture
	Vision      int64 // what of them the largest picture needs, in the memory of prompts where it can: no part of the sum
	Spare       int64 // for pictures whose prompts wait, and for what is rounded; on a host for the heap, activations included
	KV          int64 // the rest; negative: that much is missing
}

// Shares of a GPU that stay free beside weights and pages: a sixteenth, out of which activations come as far as they fit, and a
// sixty-fourth beside them in any case.
const (
	FreeShare  = 16
	SpareShare = 64
)

// OnGPU divides a GPU's memory; total is all of it, overhead what is not free before the weights come.
func OnGPU(total, overhead int64, f model.Footprint) Memory {
	m := Memory{Device: total, Overhead: overhead, Weights: f.Weights, Activations: f.Activations, Vision: f.Vision}
	m.Spare = max(total/SpareShare, total/FreeShare-f.Activations)
	m.KV = m.rest()
	return m
}

// OnHost divides what a process may use: half of it stays for the heap beside weights and pages. A host's activations grow with
// the prompts that come.
func OnHost(limit int64, f model.Footprint) Memory {
	m := Memory{Device: limit, Weights: f.Weights, Spare: limit / 2}
	m.KV = m.rest()
	return m
}

func (m Memory) rest() int64 {
	return m.Device - m.Overhead - m.Weights - m.Activations - m.Spare
}

// Take gives the cache its size; what that leaves, or lacks, is spare memory's.
func (m Memory) Take(cache int64) Memory {
	m.Spare, m.KV = m.Spare+m.KV-cache, cache
	return m
}

// ErrTooLarge: a model does not fit its device.
var ErrTooLarge = errors.New("the model does not fit")

// Check refuses a model that leaves less than a KV cache of least bytes. Spare memory is given up for that.
func (m Memory) Check(least int64) error {
	if missing := least - m.KV - m.Spare; missing > 0 {
		return fmt.Errorf("%w: %s are missing: of %s are taken already %s, needed are weights %s, activations %s (a picture %s of them), KV cache %s", ErrTooLarge, gigabytes(missing),
			gigabytes(m.Device), gigabytes(m.Overhead), gigabytes(m.Weights), gigabytes(m.Activations), gigabytes(m.Vision), gigabytes(least))
	}
	return nil
}

// String says how the memory is divided.
func (m Memory) String() string {
	return fmt.Sprintf("of %s are taken already %s, weights %s, activations %s (a picture %s of them), spare %s, KV cache %s", gigabytes(m.Device),
		gigabytes(m.Overhead), gigabytes(m.Weights), gigabytes(m.Activations), gigabytes(m.Vision), gigabytes(m.Spare), gigabytes(m.KV))
}

func gigabytes(bytes int64) string { return fmt.Sprintf("%.2f GB", float64(bytes)/1e9) }

// BytesPerToken is the KV cache of one token over all layers.
func BytesPerToken(f model.Footprint) int64 {
	return int64(f.Config.Layers) * int64(f.Config.KVBytesPerTokenLayer)
}

// Pool is the page pool of a number of bytes.
func Pool(bytes int64, f model.Footprint) (kv.Shape, error) {
	return kv.ShapeFor(bytes, f.Config.Layers, backend.PageTokens, int64(f.Config.KVBytesPerTokenLayer))
}
