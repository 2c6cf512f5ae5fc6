package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/chat"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/hub"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/plan"
	"aircache.dev/aircache/runtime/server"
	"aircache.dev/aircache/runtime/tokenizer"
)

// loader puts the parts of the runtime together; it is the one place that knows them all.
type loader struct {
	flags    modelFlags
	folder   string // of the model, once it is fetched
	bounds   control.Bounds
	recorder engine.Recorder
	planned  func(plan.Memory)       // hears how the device's memory is divided; nil: nobody asks
	loading  func(loaded, all int64) // hears how many bytes of the weights are on the device; nil: nobody asks
	lost     chan error              // has room for why an engine ended by itself; nil: nobody asks
	log      *slog.Logger
}

// fetch finds the model's folder; say hears meanwhile how far that is.
func (l *loader) fetch(ctx context.Context, p *hub.Progress, say func(string)) error {
	m, err := l.flags.fetch(ctx, l.log, p, say)
	if err != nil {
		return err
	}
	l.folder = m.Dir
	if m.Revision != "" {
		l.log.Info("model found", "model", l.flags.model, "revision", m.Revision, "folder", m.Dir, "bytes", m.Bytes, "fetched", m.Fetched)
	}
	return nil
}

func (l *loader) openBackend() (backend.Backend, error) {
	return openDevice(l.flags.backend, cpu.Options{Threads: l.flags.threads, BLAS: blasNamed(l.flags.blas)}, l.log)
}

// load reads the model's folder and starts the engine, which works until ctx ends.
func (l *loader) load(ctx context.Context, device backend.Backend) (*server.Model, error) {
	start := time.Now()
	tower, err := model.ReadTower(l.folder)
	if err != nil {
		return nil, err
	}
	f, err := readFolder(l.folder, tower)
	if err != nil {
		return nil, err
	}
	cache, err := l.planMemory(device)
	if err != nil {
		return nil, err
	}
	network, err := model.LoadTelling(l.folder, device, l.loading)
	if err != nil {
		return nil, err
	}
	config := network.Config()
	if l.flags.maxModelLen > config.MaxPosition {
		return nil, fmt.Errorf("--max-model-len is %d, it must be from 2 to the model's %d", l.flags.maxModelLen, config.MaxPosition)
	}
	m := &server.Model{Tokenizer: streaming{f.words}, Template: f.template, Pictures: newPictures(f.processor, network.Prepares, l.flags.maxPixels), Defaults: f.defaults,
		ImageToken: config.ImageToken, VisualTokens: config.VisualTokens, MaxModelLen: cmp.Or(l.flags.maxModelLen, config.MaxPosition)}
	m.MaxTextBytes = f.words.LongestText(m.MaxModelLen)
	if err := errors.Join(m.Check(), tryPicture(network, f.processor, tower.Side)); err != nil {
		return nil, err
	}
	e, err := l.startEngine(ctx, network, m.MaxModelLen, cache.bytes)
	if err != nil {
		return nil, err
	}
	shape := e.Shape()
	m.Engine, m.Stalled = server.Drive(e), e.Stalled
	m.Pool = server.Pool{Pages: shape.Pages, PageTokens: shape.PageTokens, Bytes: shape.Bytes(shape.Pages)}
	l.log.Info("model loaded", "folder", l.folder, "architecture", config.Architecture, "layers", config.Layers, "maxModelLen", m.MaxModelLen,
		"visualTokens", m.VisualTokens, "backend", device.Name(), "jpegDecoder", image.JPEGDecoder(), "took", time.Since(start).Round(time.Millisecond).String())
	return m, nil
}

// folder is all of a model's folder but the weights.
type folder struct {
	words     *tokenizer.Tokenizer
	template  *chat.Template
	processor image.Processor
	defaults  server.Defaults
}

func readFolder(dir string, t image.Tower) (f folder, err error) {
	if f.words, err = tokenizer.Load(dir); err != nil {
		return f, err
	}
	if f.template, err = chat.Load(dir, time.Now); err != nil {
		return f, err
	}
	if f.processor, err = image.LoadProcessor(dir, t); err != nil {
		return f, err
	}
	f.defaults, err = readDefaults(dir)
	return f, err
}

// tryPicture sends a blank picture through the preprocessor and the vision tower:
// where their files disagree about its size, no picture would ever be answered.
func tryPicture(network *model.LLaVA, p image.Processor, side int) error {
	pixels, err := p.Process(&image.RGB{W: side, H: side, Pix: make([]uint8, 3*side*side)}, 1)
	if err != nil {
		return fmt.Errorf("trying a blank picture: %w", err)
	}
	visual, err := network.EncodeImages([]image.Pixels{pixels})
	if err != nil {
		return fmt.Errorf("trying a blank picture as the folder's image processor prepares it: %w", err)
	}
	visual.Release()
	return nil
}

func (l *loader) startEngine(ctx context.Context, network *model.LLaVA, maxModelLen int, cacheBytes int64) (*engine.Engine, error) {
	policy, _, err := l.flags.cachePolicy()
	if err != nil {
		return nil, err
	}
	l.limitHeap(cacheBytes)
	e, err := engine.New(network, engine.Options{
		Policy: policy, RetentionPermille: l.flags.retention, Bounds: l.bounds,
		KVBytes: cacheBytes, MaxModelLen: maxModelLen, MaxQueue: l.flags.maxQueue, MaxRunning: l.flags.maxRunning, PrefillChunk: l.flags.prefillChunk,
		Swap:           l.flags.caching.swap(),
		PrefixCache:    l.flags.caching.forEngine(network.Config()),
		ShadowPermille: int32(l.flags.shadow),
		Clock:          time.Now, Seed: rand.Uint64, Recorder: l.recorder, Log: l.log,
	})
	if err != nil {
		return nil, err
	}
	go func() {
		if err := e.Run(ctx); err != nil && l.lost != nil {
			l.lost <- err
		}
	}()
	return e, nil
}

// limitHeap leaves a GOMEMLIMIT of the user's own alone.
func (l *loader) limitHeap(cacheBytes int64) {
	limit := heapLimit(readMemory(os.DirFS("/")), cacheBytes)
	if limit == 0 || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(limit)
	l.log.Info("heap limited", "bytes", limit)
}

// weightBytes estimates what the loaded weights take: the files hold 2 bytes a value, the CPU computes with 4.
func weightBytes(folder string) (int64, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.safetensors"))
	if err != nil {
		return 0, fmt.Errorf("looking for weights: %w", err)
	}
	var total int64
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return 0, fmt.Errorf("looking for weights: %w", err)
		}
		total += 2 * info.Size()
	}
	return total, nil
}

// streaming gives the tokenizer's stream the server's type.
type streaming struct{ *tokenizer.Tokenizer }

func (s streaming) NewStream() server.TokenStream { return s.Tokenizer.NewStream() }
