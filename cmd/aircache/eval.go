package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/eval"
)

// evalFlags are those of `aircache eval`.
type evalFlags struct {
	model       string
	tasks       []string
	policies    []string
	retentions  []float64
	samples     int
	seed        uint64
	out         string
	set, metric string
	suffix      string
	maxTokens   int
	workers     int
	kvMiB       int64
}

func evalCommand() *cobra.Command {
	f := &evalFlags{}
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure answers, bytes and times of compression policies over retentions",
		Long: `Asks questions with known answers, each once a policy and retention, and writes a JSON report.
The questions are drawn on the fly for aircache-tiny, or read from --set. Finished samples are kept beside the report, in
FILE.samples.jsonl: the same command goes on after an interruption, and a larger --samples adds to what is there. Samples of
another model, of other settings or of another version of this program are not added to: both files name the commit that it was
built from ("unknown" where the build does not tell).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if err := f.check(); err != nil {
				return err
			}
			return f.evaluate(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	set := cmd.Flags()
	set.StringVar(&f.model, "model", "", "folder of the model in Hugging Face's layout (required)")
	set.StringSliceVar(&f.tasks, "tasks", []string{"all"}, "tasks to draw: all, or colour, place, neighbour, list-colour, list-row, count, page, pair")
	set.StringSliceVar(&f.policies, "policies", []string{"all"}, "all, or names of policies; AirCache takes options as in AirCache+alpha=0.7")
	set.Float64SliceVar(&f.retentions, "retentions", []float64{100, 50, 20, 10, 5, 2, 1}, "shares of the visual tokens to keep, in percent, 0.1 to 100")
	set.IntVar(&f.samples, "samples", 200, "samples of each task, 1 to 1000000")
	set.Uint64Var(&f.seed, "seed", 1, "seed of the drawn samples")
	set.StringVar(&f.out, "json", "", "file of the report (required)")
	set.StringVar(&f.set, "set", "", "folder of pictures with questions.jsonl, asked in place of the drawn tasks")
	set.StringVar(&f.metric, "metric", "exact", "score of --set: exact, relaxed (ChartQA), anls (DocVQA, InfoVQA) or vqa (TextVQA)")
	set.StringVar(&f.suffix, "suffix", "", "text added to each question of --set, such as \"Answer with a single word or phrase.\"")
	set.IntVar(&f.maxTokens, "max-tokens", 48, "longest answer in tokens, 1 to 4096")
	set.IntVar(&f.workers, "workers", 0, "instances of the model that work at once, on a core each; 0 takes one per core that the memory allows")
	set.Int64Var(&f.kvMiB, "kv-cache-mib", 256, "KV cache of each instance in MiB, 1 to 1048576")
	cmd.AddCommand(evalPlotCommand())
	return cmd
}

func (f *evalFlags) check() error {
	if f.model == "" {
		return fmt.Errorf("--model is required: the folder of a model in Hugging Face's layout")
	}
	if f.out == "" {
		return fmt.Errorf("--json is required: the file of the report")
	}
	return errors.Join(within("samples", int64(f.samples), 1, 1_000_000), within("max-tokens", int64(f.maxTokens), 1, 4096),
		within("workers", int64(f.workers), 0, maxInstances), within("kv-cache-mib", f.kvMiB, 1, 1<<20))
}

func (f *evalFlags) evaluate(ctx context.Context, out, progress io.Writer) error {
	job, err := f.job()
	if err != nil {
		return err
	}
	journal, err := eval.OpenJournal(f.out+".samples.jsonl", job.Settings)
	if err != nil {
		return err
	}
	done := len(journal.Records(job.Settings.Tasks, f.samples))
	if done > 0 {
		fmt.Fprintf(progress, "%d samples are finished already\n", done)
	}
	job.Progress = eval.NewBar(progress, isTerminal(progress), time.Now, done).Show
	failed := eval.Run(ctx, job, journal)
	report := eval.Summarise(job.Settings, journal.Records(job.Settings.Tasks, f.samples))
	if failed == nil {
		failed = writeReport(f.out, report)
	}
	if err := errors.Join(failed, journal.Close()); err != nil {
		return fmt.Errorf("%w (%d samples are kept in %s.samples.jsonl)", err, report.Samples, f.out)
	}
	_, err = fmt.Fprintf(out, "%d samples, report in %s\n", report.Samples, f.out)
	return err
}

// job opens the model, the source and the policies.
func (f *evalFlags) job() (job eval.Job, err error) {
	names, policies, err := eval.ParsePolicies(f.policies)
	if err != nil {
		return job, fmt.Errorf("--policies: %w", err)
	}
	permilles, err := eval.Retentions(f.retentions)
	if err != nil {
		return job, fmt.Errorf("--retentions: %w", err)
	}
	source, about, err := f.source()
	if err != nil {
		return job, err
	}
	models, err := openInstances(f.model, f.kvMiB<<20)
	if err != nil {
		return job, fmt.Errorf("loading %s: %w", f.model, err)
	}
	return eval.Job{
		Settings: eval.Settings{Code: thisCode(), Model: models.fingerprint, Backend: models.backend, Source: about, Tasks: source.Tasks(), Policies: names,
			Permilles: permilles, Seed: f.seed, MaxTokens: f.maxTokens},
		Policies: policies, Source: source, Reader: models.reader, Samples: f.samples, Workers: f.instances(models), Open: models.open,
	}, nil
}

func (f *evalFlags) source() (eval.Source, string, error) {
	if f.set == "" {
		scenes, err := eval.NewScenes(f.tasks, f.seed)
		if err != nil {
			return nil, "", fmt.Errorf("--tasks: %w", err)
		}
		return scenes, "scenes", nil
	}
	metric, err := eval.ParseMetric(f.metric)
	if err != nil {
		return nil, "", fmt.Errorf("--metric: %w", err)
	}
	folder, err := eval.OpenFolder(f.set, metric, f.suffix)
	if err != nil {
		return nil, "", fmt.Errorf("--set %s: %w", f.set, err)
	}
	return folder, fmt.Sprintf("%s %s, scored by %s, suffix %q", folder.Tasks()[0], folder.Fingerprint(), metric, f.suffix), nil
}

// instances is as many as there are cores, less where half of the memory would not hold them.
func (f *evalFlags) instances(m *instances) int {
	if f.workers > 0 {
		return f.workers
	}
	n := min(runtime.GOMAXPROCS(0), maxInstances)
	memory := readMemory(os.DirFS("/"))
	for _, limit := range []int64{memory.cgroup, memory.available} {
		if limit > 0 {
			n = min(n, int(limit/2/(m.bytes+f.kvMiB<<20)))
		}
	}
	return max(n, 1)
}

func writeReport(name string, report eval.Report) error {
	b, err := json.MarshalIndent(report, "", " ")
	if err == nil {
		err = os.WriteFile(name, append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
