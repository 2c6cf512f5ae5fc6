package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/bench"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/model"
)

// benchFlags are those of `aircache bench`.
type benchFlags struct {
	model, shape, backend string
	blas                  string
	threads               int
	what                  []string
	batches, visuals      []int
	retentions            []float64
	tokens, tiles         []int
	text, repeat          int
	requests, arrivals    int
	prefillChunk          int
	rate                  float64
	poolBytes             int64
	policy                string
	seed                  uint64
	out, peer             string

	bandwidth, flops, attentionFlops float64
}

func benchCommand() *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure speed and memory of a model on this machine, beside their floors",
		Long: `Measures and prints each figure beside its floor: the time that the bytes and operations of the work take at the
device's own rates. With --shape the model has random weights of a published model's shape: nothing is downloaded.

  decode    a step of a batch over caches of --visual and --text tokens at each retention, filled with random rows
  ragged    the same where the layers' lengths differ, beside equal ones of the same total
  prefill   a prompt of --tokens          vision    a picture of --tiles
  compress  the compression of one prompt of --visual and --text tokens at the lowest retention, all layers
  capacity  sequences that the pool of pages holds at once, by the engine's accounting
  serve     --arrivals requests of a mix that come at random, --rate a second: times to first token and between tokens
  memory    the device's memory before and after --requests requests of a mix`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return f.run(ctx, cmd.OutOrStdout())
		},
	}
	set := cmd.Flags()
	set.StringVar(&f.model, "model", "", "folder of the model in Hugging Face's layout; or --shape")
	set.StringVar(&f.shape, "shape", "", "random weights of this shape: "+strings.Join(model.Shapes(), ", "))
	set.StringVar(&f.backend, "backend", "auto", "auto, cpu or cuda; auto takes the GPU where there is one")
	set.IntVar(&f.threads, "threads", 0, "threads of the CPU backend, 0 to 1024; 0 takes one per available core")
	set.StringVar(&f.blas, "blas", "auto", blasHelp)
	set.StringSliceVar(&f.what, "what", bench.Kinds, "what to measure, any of "+strings.Join(bench.Kinds, ", "))
	set.IntSliceVar(&f.batches, "batch", []int{1, 8}, "sequences of a decode step, 1 to 1024")
	set.IntSliceVar(&f.visuals, "visual", []int{1024}, "visual tokens of a sequence, 1 to 1048576")
	set.Float64SliceVar(&f.retentions, "retention", []float64{100, 10}, "shares of the visual tokens that stay, in percent, 0.1 to 100")
	set.IntSliceVar(&f.tokens, "tokens", []int{1024}, "tokens of a prefilled prompt, 1 to the model's length less 1")
	set.IntSliceVar(&f.tiles, "tiles", []int{1, 4}, "tiles of a picture, 1 to 64")
	set.IntVar(&f.text, "text", 64, "tokens of a sequence beside the visual ones, 1 to 65536")
	set.IntVar(&f.repeat, "repeat", 15, "samples of each time, of which the median counts, 1 to 10000")
	set.IntVar(&f.requests, "requests", 100, "requests of memory's mix, 1 to 1000000")
	set.IntVar(&f.arrivals, "arrivals", 30, "requests of serve's mix, 1 to 1000000")
	set.Float64Var(&f.rate, "rate", 2, "arrivals a second, up to 1000000")
	set.IntVar(&f.prefillChunk, "prefill-chunk", engine.DefaultPrefillChunk, "of serve and memory: "+prefillChunkHelp)
	set.Int64Var(&f.poolBytes, "kv-cache-bytes", 0, "size of the page pool, to 1125899906842624 (1 PiB); 0 takes what the weights leave of a GPU, less a sixteenth of all, or 512 MiB on the CPU")
	set.StringVar(&f.policy, "policy", "AirCache", "options of the compression, as in AirCache+alpha=0.7")
	set.Uint64Var(&f.seed, "seed", 1, "seed of weights, tokens, pictures and arrivals")
	set.StringVar(&f.out, "json", "", "file of the report, written anew after each figure; empty: none")
	set.StringVar(&f.peer, "peer", "", "file that hack/bench/peer.py wrote on this machine: other programs' figures for the same cases")
	set.Float64Var(&f.bandwidth, "bandwidth", 0, "bytes a second that the device copies at most, for the floors; 0: measured, or known for its type")
	set.Float64Var(&f.flops, "flops", 0, "operations a second of large matrix products; 0 as above")
	set.Float64Var(&f.attentionFlops, "attention-flops", 0, "operations a second of a long prompt's attention; 0 as above")
	cmd.AddCommand(benchPlotCommand(), benchServeCommand())
	return cmd
}

// check names the flag that is outside its limits; those that depend on the model are checked with it.
func (f *benchFlags) check() error {
	if (f.model == "") == (f.shape == "") {
		return errors.New("--model or --shape is required, and only one of them: a folder, or one of " + strings.Join(model.Shapes(), ", "))
	}
	if f.shape != "" {
		if _, err := model.Shape(f.shape); err != nil {
			return fmt.Errorf("--shape: %w", err)
		}
	}
	return errors.Join(oneOf("backend", f.backend, "auto", "cpu", "cuda"), within("threads", int64(f.threads), 0, 1024), oneOf("blas", f.blas, blasNames...),
		within("prefill-chunk", int64(f.prefillChunk), 1, maxPrefillChunk),
		within("kv-cache-bytes", f.poolBytes, 0, 1<<50))
}

// options are all but what depends on the device.
func (f *benchFlags) options() (bench.Options, error) {
	permilles, err := eval.Retentions(f.retentions)
	if err != nil {
		return bench.Options{}, fmt.Errorf("--retention: %w", err)
	}
	policy, _, err := compress.Parse(f.policy, compress.Defaults())
	if err != nil {
		return bench.Options{}, fmt.Errorf("--policy: %w", err)
	}
	ours, ok := policy.(compress.AirCache)
	if !ok {
		return bench.Options{}, fmt.Errorf("--policy is %q, it must be AirCache, with or without options", f.policy)
	}
	return bench.Options{What: f.what, Batches: f.batches, Visuals: f.visuals, Permilles: permilles, Tokens: f.tokens, Tiles: f.tiles, Text: f.text,
		Repeat: f.repeat, Requests: f.requests, Rate: f.rate, PrefillChunk: f.prefillChunk, Arrivals: f.arrivals, Policy: ours.Options, Seed: f.seed,
		Ceilings: bench.Ceilings{Bytes: f.bandwidth, Products: f.flops, Attention: f.attentionFlops}}, nil
}

func (f *benchFlags) readPeers() (*bench.Peers, error) {
	if f.peer == "" {
		return nil, nil
	}
	file, err := os.Open(f.peer)
	if err != nil {
		return nil, fmt.Errorf("--peer: %w", err)
	}
	defer file.Close()
	peers, err := bench.ReadPeers(file)
	if err != nil {
		return nil, fmt.Errorf("--peer %s: %w", f.peer, err)
	}
	return peers, nil
}

func (f *benchFlags) run(ctx context.Context, out io.Writer) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	options, err := f.options()
	if err != nil {
		return err
	}
	peers, err := f.readPeers()
	if err != nil {
		return err
	}
	r := &benchRun{flags: f, out: out, options: options, peers: peers}
	return r.run(ctx)
}
