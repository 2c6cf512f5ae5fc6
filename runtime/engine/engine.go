package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// Engine serves one model on one device.
type Engine struct {
	model  Model
	config model.Config
	opts   Options
	shape  kv.Shape
	wake   chan struct{} // something changed while the device goroutine may sleep

	// Of the device goroutine alone.
	pool     *kv.Pool
	ledger   *kv.Ledger
	running  []*job
	filling  *filling // the prompt that is on its way into running
	flights  []*flight
	ahead    bool              // a step is launched before the one before it is read
	device   Compressor        // compacts prompts by itself; nil: it does not
	airCache compress.AirCache // how
	blocked  bool              // the first waiting request waits for pages
	shadow   *shadow
	swapped  []*job       // preempted: their caches are in host memory
	risked   int64        // host memory that the requests which may be preempted take at most
	prefixes *kv.Prefixes // nil: no prompt is kept
	shelf    *kv.Shelf    // caches of conversations that may go on; nil: none is kept
	pictures *pictures    // rows of the vision tower, for pictures to come; nil: none are kept
	draw     *rand.Rand   // which requests get one
	slots    []int32      // free ones

	// Reused, so that a steady step allocates nothing.
	landed []*flight
	batch  []model.Row
	views  []backend.LayerKV // what batch points into

	lastLanding time.Time
	moved       motion
	lost        error // the device is gone: backend.ErrDeviceLost

	// Shared with callers.
	mu       sync.Mutex
	queue    queue
	pace     pace // at which requests leave the queue
	open     int  // submitted and not yet ended
	applied  control.Ack
	draining bool
	quiet    []chan struct{} // closed when open reaches 0
	load     Load
	panics   int64
}

// New sizes the page pool and allocates it in the backend. The engine works once Run is called.
func New(m Model, opts Options) (*Engine, error) {
	config := m.Config()
	opts, err := opts.complete(config)
	if err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	shape, err := kv.ShapeFor(opts.KVBytes, config.Layers, backend.PageTokens, int64(config.KVBytesPerTokenLayer))
	if err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	if err := m.Reserve(model.Capacity{Pages: shape.Pages, Sequences: opts.MaxRunning + compared, Rows: opts.MaxModelLen}); err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	e := &Engine{model: m, config: config, opts: opts, shape: shape, wake: make(chan struct{}, 1),
		pool: kv.NewPool(shape), ledger: kv.NewLedger(shape), ahead: opts.Ahead || config.Asynchronous}
	e.device, e.airCache = deviceOf(m, opts.Policy)
	e.keepPrompts()
	for slot := range opts.MaxRunning {
		e.slots = append(e.slots, int32(opts.MaxRunning-1-slot))
	}
	if opts.ShadowPermille > 0 {
		e.draw = rand.New(rand.NewPCG(opts.Seed(), uint64(opts.ShadowPermille)))
	}
	e.applied = control.Tuning{TargetPermille: opts.RetentionPermille}.Accepted(opts.Clock())
	opts.Recorder.Tuned(e.applied)
	e.publish()
	return e, nil
}

// Shape of the page pool.
func (e *Engine) Shape() kv.Shape { return e.shape }

// Run owns the device until ctx ends; then requests that are left end with FinishAbort. Where the device is lost they end with
// FinishError, and Run returns why: the process can serve nothing any more. Call it once.
func (e *Engine) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for ctx.Err() == nil && e.lost == nil {
		if e.turn() {
			continue
		}
		select {
		case <-e.wake:
		case <-ctx.Done():
		}
	}
	if e.lost != nil {
		e.endAll(failed(e.lost))
		return fmt.Errorf("serving: %w", e.lost)
	}
	e.endAll(ending{reason: FinishAbort})
	return nil
}

// turn reports whether the next one may have work to do at once.
func (e *Engine) turn() bool {
	e.sweep()
	filled := e.fill()
	e.decode()
	for _, j := range e.running {
		e.tell(j, false)
	}
	e.publish()
	return filled || len(e.running) > 0
}

func (e *Engine) rouse() {
	select {
	case e.wake <- struct{}{}:
	default: // it will look anyway
	}
}
