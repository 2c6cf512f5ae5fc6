package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdimage "image"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/bench/openloop"
	"aircache.dev/aircache/runtime/eval/scene"
	"aircache.dev/aircache/runtime/image"
)

// benchServeFlags are those of `aircache bench serve`.
type benchServeFlags struct {
	url, model, keyFile     string
	rates                   []float64
	requests, questions     int
	warmup, maxTokens       int
	mostOpen, timeout       int
	pictures                []string
	prompt                  string
	seed                    uint64
	ttft, between, endToEnd int
	json, plots             string
}

func benchServeCommand() *cobra.Command {
	f := &benchServeFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Load any server of OpenAI's API with requests that arrive at random, and measure what its users see",
		Long: `Load any server of OpenAI's chat completions (this one, vLLM, SGLang and others) with streamed requests that arrive at random
times, whether earlier ones were answered or not (an open loop, Poisson). For each --rate it prints and writes the percentiles of the
time to first token, between tokens and end to end, the rates of answers and tokens, and the goodput: the answers that met every
objective (--ttft-ms, --itl-ms, --e2e-ms). Times count from a request's own arrival.

Asked are --questions drawn pictures with a question each, as aircache-tiny was trained on (336 x 336 pixels), or --prompt about
every --picture. Equal seeds ask the same, at the same times. An API key is read from --api-key-file, else from OPENAI_API_KEY.`,
		Example: "  aircache bench serve --url http://localhost:8000 --rate 1,2,4,8 --requests 200 --ttft-ms 1500 --itl-ms 50 --json load.json --plots plots/",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return f.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	set := cmd.Flags()
	set.StringVar(&f.url, "url", "", "address of the server, without /v1 (required)")
	set.StringVar(&f.model, "model", "", "model to ask; empty takes the server's only one")
	set.StringVar(&f.keyFile, "api-key-file", "", "file whose first key is sent; empty takes OPENAI_API_KEY, if that is set")
	set.Float64SliceVar(&f.rates, "rate", []float64{1}, "arrivals a second, one run each, up to 100000")
	set.IntVar(&f.requests, "requests", 100, "requests of each run, 1 to 1000000")
	set.IntVar(&f.warmup, "warmup", 2, "requests before the first run, one after the other, that do not count, 0 to 1000")
	set.IntVar(&f.questions, "questions", 64, "different pictures with a question each, 1 to 10000; a run asks them in turn")
	set.StringArrayVar(&f.pictures, "picture", nil, "file of a picture to ask about instead (JPEG, PNG, WebP); repeat for several, which are asked about in turn")
	set.StringVar(&f.prompt, "prompt", "Describe the picture.", "what to ask about every --picture")
	set.IntVar(&f.maxTokens, "max-tokens", 64, "longest answer in tokens, 1 to 1048576")
	set.IntVar(&f.mostOpen, "max-open", 4096, "requests under way at once, 1 to 65536; what comes beyond counts as failed")
	set.IntVar(&f.timeout, "timeout-seconds", 300, "time for one answer, in seconds, 1 to 86400")
	set.Uint64Var(&f.seed, "seed", 1, "seed of questions and arrivals")
	set.IntVar(&f.ttft, "ttft-ms", 0, "objective: time to first token, in milliseconds, 0 to 3600000; 0: none")
	set.IntVar(&f.between, "itl-ms", 0, "objective: 95th percentile between the tokens of an answer, in milliseconds, 0 to 3600000; 0: none")
	set.IntVar(&f.endToEnd, "e2e-ms", 0, "objective: end to end, in milliseconds, 0 to 3600000; 0: none")
	set.StringVar(&f.json, "json", "", "file of the report; empty: none")
	set.StringVar(&f.plots, "plots", "", "folder for curves over two rates or more (PNG, SVG); empty: none")
	return cmd
}

func (f *benchServeFlags) check() error {
	const hour = 3_600_000
	if u, err := url.Parse(f.url); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--url is %q, it must be http://host or https://host, with a port where it needs one", f.url)
	}
	for _, rate := range f.rates {
		if !(rate > 0 && rate <= 100_000) {
			return fmt.Errorf("--rate is %v, it must be above 0 and at most 100000", rate)
		}
	}
	if f.plots != "" && len(f.rates) < 2 {
		return errors.New("--plots needs two rates or more in --rate: a single one is no curve")
	}
	return errors.Join(within("requests", int64(f.requests), 1, 1_000_000), within("warmup", int64(f.warmup), 0, 1000), within("questions", int64(f.questions), 1, 10_000),
		within("max-tokens", int64(f.maxTokens), 1, 1<<20), within("max-open", int64(f.mostOpen), 1, 1<<16), within("timeout-seconds", int64(f.timeout), 1, 86400),
		within("ttft-ms", int64(f.ttft), 0, hour), within("itl-ms", int64(f.between), 0, hour), within("e2e-ms", int64(f.endToEnd), 0, hour))
}

func (f *benchServeFlags) run(ctx context.Context, out, progress io.Writer) error {
	target, err := f.target(ctx)
	if err != nil {
		return err
	}
	questions, what, err := f.ask()
	if err != nil {
		return err
	}
	report := &openloop.Report{URL: f.url, Model: target.Model, Questions: what, MaxTokens: f.maxTokens, Seed: f.seed, Objectives: f.objectives(),
		Client: fmt.Sprintf("aircache %s, %d cores, %s/%s", version, runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH)}
	load := openloop.Run{Target: target, Questions: questions, Seed: f.seed, MaxTokens: f.maxTokens, MostOpen: f.mostOpen, Timeout: time.Duration(f.timeout) * time.Second, Wait: wait}
	if err := f.warm(ctx, load); err != nil {
		return err
	}
	for _, rate := range f.rates {
		load.Rate, load.Requests = rate, f.requests
		load.Done = tellProgress(progress, rate, f.requests)
		start := time.Now()
		answers, err := load.Do(ctx)
		fmt.Fprintln(progress)
		if err != nil {
			return fmt.Errorf("interrupted at %v requests a second: %w", rate, err)
		}
		report.Rates = append(report.Rates, openloop.Summarize(rate, answers, report.Objectives, time.Since(start)))
	}
	fmt.Fprint(out, openloop.Table(report))
	return f.write(report)
}

// warm asks a few questions one after the other; a server that answers none is said so before a whole run fails.
func (f *benchServeFlags) warm(ctx context.Context, load openloop.Run) error {
	load.Requests, load.Rate = 1, 1e9 // at once
	for range f.warmup {
		answers, err := load.Do(ctx)
		if err == nil {
			err = answers[0].Err
		}
		if err != nil {
			return fmt.Errorf("asking once before the load: %w", err)
		}
	}
	return nil
}

func tellProgress(to io.Writer, rate float64, of int) func(int) {
	return func(ended int) {
		if ended%max(1, of/100) == 0 || ended == of {
			fmt.Fprintf(to, "\r%v requests a second: %d of %d answered", rate, ended, of)
		}
	}
}

func (f *benchServeFlags) objectives() openloop.Objectives {
	const ms = 1000
	return openloop.Objectives{FirstToken: float64(f.ttft) / ms, Between: float64(f.between) / ms, EndToEnd: float64(f.endToEnd) / ms}
}

// target finds out the model where none is named.
func (f *benchServeFlags) target(ctx context.Context) (*openloop.Target, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.MaxIdleConns = f.mostOpen, f.mostOpen
	t := &openloop.Target{URL: f.url, Key: os.Getenv("OPENAI_API_KEY"), Model: f.model, HTTP: &http.Client{Transport: transport}, Now: time.Now}
	keys, err := readKeys(f.keyFile)
	if err != nil {
		return nil, err
	}
	if len(keys) > 0 {
		t.Key = keys[0]
	}
	if t.Model != "" {
		return t, nil
	}
	models, err := t.Models(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(models) != 1:
		return nil, fmt.Errorf("--model is required: the server has %d models %q", len(models), models)
	}
	t.Model = models[0]
	return t, nil
}

// ask makes the questions, and says what they are.
func (f *benchServeFlags) ask() (questions []openloop.Question, what string, err error) {
	for _, name := range f.pictures {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, "", fmt.Errorf("reading --picture: %w", err)
		}
		questions = append(questions, openloop.Question{Pictures: [][]byte{b}, Text: f.prompt})
	}
	if len(questions) > 0 {
		return questions, fmt.Sprintf("%d pictures from files", len(questions)), nil
	}
	tasks := scene.Tasks()
	for i := range f.questions {
		shot, err := scene.Draw(tasks[i%len(tasks)], f.seed, i)
		if err != nil {
			return nil, "", fmt.Errorf("drawing a question: %w", err)
		}
		q := openloop.Question{Text: shot.Question}
		for _, p := range shot.Pictures {
			var b bytes.Buffer
			if err := png.Encode(&b, standard(p)); err != nil {
				return nil, "", fmt.Errorf("writing a drawn picture: %w", err)
			}
			q.Pictures = append(q.Pictures, b.Bytes())
		}
		questions = append(questions, q)
	}
	return questions, fmt.Sprintf("%d drawn questions", len(questions)), nil
}

// standard is a picture as Go's encoders take it.
func standard(p *image.RGB) stdimage.Image {
	out := stdimage.NewNRGBA(stdimage.Rect(0, 0, p.W, p.H))
	for i := range p.W * p.H {
		copy(out.Pix[4*i:], p.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	return out
}

func (f *benchServeFlags) write(report *openloop.Report) error {
	if f.json != "" {
		b, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
		if err := os.WriteFile(f.json, append(b, '\n'), 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	if f.plots == "" {
		return nil
	}
	plots, err := openloop.Plots(report)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.plots, 0o755); err != nil {
		return fmt.Errorf("writing plots: %w", err)
	}
	for _, p := range plots {
		for _, format := range []string{"png", "svg"} {
			var b bytes.Buffer
			if err := p.WriteTo(&b, format); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(f.plots, p.Name+"."+format), b.Bytes(), 0o644); err != nil {
				return fmt.Errorf("writing plots: %w", err)
			}
		}
	}
	return nil
}
