package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/bench"
	"aircache.dev/aircache/runtime/bench/chart"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/plan"
)

// benchRun is one run of `aircache bench`.
type benchRun struct {
	flags   *benchFlags
	out     io.Writer
	options bench.Options
	peers   *bench.Peers
	report  bench.Report
}

func (r *benchRun) run(ctx context.Context) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	device, err := openDevice(r.flags.backend, cpu.Options{Threads: r.flags.threads, BLAS: blasNamed(r.flags.blas)}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	if err := r.prepare(device); err != nil {
		return err
	}
	start := time.Now()
	network, name, err := r.load(device)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s on %s, loaded in %s\n", name, device.Name(), time.Since(start).Round(time.Millisecond))
	if r.options.PoolBytes, err = r.pool(device); err != nil {
		return err
	}
	r.report.Settings.Model = name
	b := &bench.Bench{Device: device, Model: network, Options: r.options, Peers: r.peers, Took: r.took}
	_, err = b.Run(ctx)
	return errors.Join(err, r.write())
}

// prepare completes the options by what the device can do at most: what was told, what a peer measured in this call, what is
// known of the GPU, what is measured now.
func (r *benchRun) prepare(device backend.Backend) error {
	o := &r.options
	o.Clock, o.Wait, o.MemoryUsed = time.Now, wait, hostMemory
	if device.Asynchronous() {
		o.MemoryUsed = gpuMemory
	}
	if o.Ceilings.Bytes+o.Ceilings.Products+o.Ceilings.Attention > 0 {
		o.Ceilings.Source = "told"
	}
	if r.peers != nil {
		o.Ceilings = o.Ceilings.Or(r.peers.Ceilings)
	}
	o.Ceilings = o.Ceilings.Or(bench.KnownCeilings(device.Name()))
	timed := slices.ContainsFunc(o.What, func(kind string) bool { return slices.Contains(bench.Timed, kind) })
	if timed && (o.Ceilings.Bytes == 0 || o.Ceilings.Products == 0) {
		measured, err := bench.MeasuredCeilings(device, time.Now)
		if err != nil {
			return err
		}
		o.Ceilings = o.Ceilings.Or(measured)
	}
	r.report.Settings = bench.Settings{Code: thisCode(), Device: device.Name(), Driver: driverVersion(os.DirFS("/")),
		Host: fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		Seed: o.Seed, Repeat: o.Repeat, Policy: r.flags.policy, Ceilings: o.Ceilings}
	if r.peers != nil {
		r.report.Settings.Versions = r.peers.Versions
	}
	return nil
}

func (r *benchRun) load(device backend.Backend) (m *model.LLaVA, name string, err error) {
	if r.flags.model != "" {
		m, err = model.Load(r.flags.model, device)
		return m, filepath.Base(filepath.Clean(r.flags.model)), err
	}
	config, err := model.Shape(r.flags.shape)
	if err != nil {
		return nil, "", err
	}
	m, err = model.Random(config, device, r.flags.seed)
	return m, r.flags.shape + ", random weights", err
}

// benchHostPool is the page pool's size on the CPU where none is told.
const benchHostPool = 512 << 20

// pool is the size of the page pool: what is told, or what the weights have left of a GPU, as when serving.
func (r *benchRun) pool(device backend.Backend) (int64, error) {
	gpu, ok := device.(*cuda.Backend)
	if !ok {
		return cmp.Or(r.flags.poolBytes, benchHostPool), nil
	}
	free, total, err := gpu.FreeMemory()
	if err != nil {
		return 0, fmt.Errorf("sizing the page pool: %w", err)
	}
	cache, err := planGPUCache(r.flags.poolBytes, free, total/plan.FreeShare, math.MaxInt64)
	return cache.bytes, err
}

// took prints a figure and writes the report: what was measured before an error or an interruption stays.
func (r *benchRun) took(f bench.Figure) {
	r.report.Figures = append(r.report.Figures, f)
	fmt.Fprintln(r.out, chart.Line(f))
	if err := r.write(); err != nil {
		fmt.Fprintln(r.out, "note:", err)
	}
}

func (r *benchRun) write() error {
	if r.flags.out == "" {
		return nil
	}
	text, err := json.MarshalIndent(r.report, "", " ")
	if err == nil {
		err = os.WriteFile(r.flags.out, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hostMemory is the heap that is in use, without garbage.
func hostMemory() (int64, error) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), nil
}

// gpuMemory asks the driver's own tool, which may be asked while the engine works.
func gpuMemory() (int64, error) {
	out, err := exec.Command("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0").Output()
	if err != nil {
		return 0, fmt.Errorf("asking nvidia-smi for the memory in use: %w", err)
	}
	mib, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("asking nvidia-smi for the memory in use: %w", err)
	}
	return mib << 20, nil
}

// driverVersion is the NVIDIA driver's: the number behind "Kernel Module" in its own words. "": there is none.
func driverVersion(root fs.FS) string {
	text, _ := fs.ReadFile(root, "proc/driver/nvidia/version")
	_, rest, _ := strings.Cut(string(text), "Kernel Module")
	for _, word := range strings.Fields(rest) {
		if word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	return ""
}
