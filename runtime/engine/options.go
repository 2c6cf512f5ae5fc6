package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/model"
)

// Options of an engine. Zero values are refused where no default is said.
type Options struct {
	Policy            compress.Policy
	RetentionPermille int32          // until the first tuning
	Bounds            control.Bounds // the pod's own: they win over every tuning

	KVBytes     int64 // of the page pool
	MaxModelLen int   // tokens of prompt and answer; 0: the model's
	MaxQueue    int   // waiting requests
	MaxRunning  int   // sequences in a decode step

	// PrefillChunk is how many tokens of a prompt are prefilled between two decode steps, or as much work in other portions: all
	// rows of some layers. 0: DefaultPrefillChunk.
	PrefillChunk int
	// Ahead launches a step before the tokens of the one before it are read, on every device. Where the device works beside the
	// host (model.Config.Asynchronous) that is done anyway.
	Ahead bool

	Swap        Swap        // requests whose whole answers are not promised
	PrefixCache PrefixCache // whole prompts, for those that begin alike

	ShadowPermille int32 // share of the compressed requests whose first steps are also decoded with their whole cache; 0: none

	Clock    func() time.Time
	Seed     func() uint64 // for requests that bring none
	Recorder Recorder      // default: Discard
	Log      *slog.Logger  // default: silent; prompts and answers never appear in it
}

// DefaultPrefillChunk stalls running answers of LLaVA-OneVision-7B on an H100 for about 13 ms: 15.2 GFLOP a token at 600 TFLOP/s.
const DefaultPrefillChunk = 512

// complete fills in the defaults and names what is wrong.
func (o Options) complete(c model.Config) (Options, error) {
	if o.MaxModelLen == 0 {
		o.MaxModelLen = c.MaxPosition
	}
	if o.PrefillChunk == 0 {
		o.PrefillChunk = DefaultPrefillChunk
	}
	if o.Recorder == nil {
		o.Recorder = Discard{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Policy == nil:
		return o, errors.New("policy is missing")
	case o.Clock == nil || o.Seed == nil:
		return o, errors.New("clock and seed must be given")
	case o.MaxModelLen < 2 || o.MaxModelLen > c.MaxPosition:
		return o, fmt.Errorf("maxModelLen is %d, it must be from 2 to the model's %d", o.MaxModelLen, c.MaxPosition)
	case o.MaxQueue < 1:
		return o, fmt.Errorf("maxQueue is %d, it must be at least 1", o.MaxQueue)
	case o.ShadowPermille < 0 || o.ShadowPermille > control.MaxPermille:
		return o, fmt.Errorf("shadowPermille is %d, it must be from 0 to %d", o.ShadowPermille, control.MaxPermille)
	case o.MaxRunning < 1 || o.MaxRunning > backend.Slots:
		return o, fmt.Errorf("maxRunning is %d, it must be from 1 to %d", o.MaxRunning, backend.Slots)
	case o.Swap.PromisedAnswer < 0 || o.Swap.HostBytes < 0:
		return o, fmt.Errorf("swap is %+v, neither may be negative", o.Swap)
	case o.PrefillChunk < 1:
		return o, fmt.Errorf("prefillChunk is %d, it must be at least 1", o.PrefillChunk)
	}
	start := control.Tuning{UID: o.Bounds.UID, Pool: o.Bounds.Pool, TargetPermille: o.RetentionPermille}
	if err := start.Check(control.Ack{}, o.Bounds); err != nil {
		return o, fmt.Errorf("retention at the start: %w", err)
	}
	return o, nil
}
