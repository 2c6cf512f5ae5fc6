package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/plan"
)

// planFlags are those of `aircache plan`.
type planFlags struct {
	model, shape string
	gpus         []string
	memoryGiB    float64
	visuals      []int
	retentions   []float64
	text, answer int
	maxModelLen  int
	maxRunning   int
}

func planCommand() *cobra.Command {
	f := &planFlags{}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Tell what a model takes of a GPU's memory, and how many sequences fit",
		Long: `Tell what a model takes of a GPU's memory, and how many sequences fit at which retention,
without a GPU and without loading it. The folder needs its config.json; with weights their
shapes are checked too. The sequences are those that decode at the same time, each with
--visual and --text tokens of prompt and room for --answer tokens.`,
		Example: `  aircache plan --model models/aircache-tiny --gpu l4
  aircache plan --shape llava-onevision-7b --gpu all --retention 100,50,10`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout()) },
	}
	set := cmd.Flags()
	set.StringVar(&f.model, "model", "", "folder of the model in Hugging Face's layout; or --shape")
	set.StringVar(&f.shape, "shape", "", "a published model's shape: "+strings.Join(model.Shapes(), ", "))
	set.StringSliceVar(&f.gpus, "gpu", []string{"h100"}, "GPUs, any of "+strings.Join(plan.Names(), ", ")+", or all")
	set.Float64Var(&f.memoryGiB, "memory-gib", 0, "memory of another GPU, as nvidia-smi tells, in GiB, 1 to 4096; replaces --gpu")
	set.IntSliceVar(&f.visuals, "visual", []int{2048, 8192, 30720}, "visual tokens of a sequence, 0 to 1048576")
	set.Float64SliceVar(&f.retentions, "retention", []float64{100, 50, 20, 10}, "shares of the visual tokens that stay, in percent, 0.1 to 100")
	set.IntVar(&f.text, "text", 64, "text tokens of a sequence, 1 to 1048576")
	set.IntVar(&f.answer, "answer", 128, "tokens of an answer, 1 to 1048576")
	set.IntVar(&f.maxModelLen, "max-model-len", 0, "longest prompt and answer together, in tokens; 0 takes the model's own length")
	set.IntVar(&f.maxRunning, "max-running", 64, "requests that decode at once, 1 to 4096: their activations are reserved")
	return cmd
}

const maxPlannedTokens = 1 << 20

func (f *planFlags) check() error {
	if (f.model == "") == (f.shape == "") {
		return errors.New("--model or --shape is required, and only one of them: a folder, or one of " + strings.Join(model.Shapes(), ", "))
	}
	checks := []error{within("text", int64(f.text), 1, maxPlannedTokens), within("answer", int64(f.answer), 1, maxPlannedTokens),
		within("max-model-len", int64(f.maxModelLen), 0, 1<<30), within("max-running", int64(f.maxRunning), 1, 1<<12)}
	for _, n := range f.visuals {
		checks = append(checks, within("visual", int64(n), 0, maxPlannedTokens))
	}
	if f.memoryGiB != 0 && !(f.memoryGiB >= 1 && f.memoryGiB <= 4096) {
		checks = append(checks, fmt.Errorf("--memory-gib is %v, it must be from 1 to 4096", f.memoryGiB))
	}
	return errors.Join(checks...)
}

func (f *planFlags) run(out io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	permilles, err := eval.Retentions(f.retentions)
	if err != nil {
		return fmt.Errorf("--retention: %w", err)
	}
	gpus, err := f.devices()
	if err != nil {
		return err
	}
	footprint, err := f.measure()
	if err != nil {
		return err
	}
	for i, g := range gpus {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := f.print(out, g, footprint, permilles); err != nil {
			return err
		}
	}
	return nil
}

func (f *planFlags) devices() ([]plan.GPU, error) {
	if f.memoryGiB != 0 {
		return []plan.GPU{{Name: fmt.Sprintf("a GPU of %v GiB", f.memoryGiB), Memory: int64(f.memoryGiB * (1 << 30))}}, nil
	}
	names := f.gpus
	if len(names) == 1 && names[0] == "all" {
		names = plan.Names()
	}
	var gpus []plan.GPU
	for _, name := range names {
		g, err := plan.FindGPU(name)
		if err != nil {
			return nil, fmt.Errorf("--gpu: %w (--memory-gib)", err)
		}
		gpus = append(gpus, g)
	}
	return gpus, nil
}

func (f *planFlags) measure() (model.Footprint, error) {
	if f.model != "" {
		return plan.Measure(f.model, plan.CUDA, f.maxModelLen, f.maxRunning)
	}
	config, err := model.Shape(f.shape)
	if err != nil {
		return model.Footprint{}, fmt.Errorf("--shape: %w", err)
	}
	return plan.MeasureShape(config, plan.CUDA, f.maxModelLen, f.maxRunning)
}

func (f *planFlags) print(out io.Writer, g plan.GPU, footprint model.Footprint, permilles []int) error {
	m := plan.OnGPU(g.Memory, plan.Overhead, footprint)
	perToken := plan.BytesPerToken(footprint)
	fmt.Fprintf(out, "%s%s on %s\n", f.model, f.shape, g.Name)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(part string, bytes int64, note string) {
		fmt.Fprintf(table, "  %s\t%.2f GB\t  %s\n", part, float64(bytes)/1e9, note)
	}
	row("device", m.Device, fmt.Sprintf("%d MiB", g.Memory>>20))
	row("overhead", m.Overhead, "driver, context, libraries")
	row("weights", m.Weights, "")
	row("activations", m.Activations, fmt.Sprintf("a prompt of %d tokens, a step of %d sequences; a picture needs %.2f GB of them", f.longest(footprint), f.maxRunning, float64(m.Vision)/1e9))
	row("spare", m.Spare, "")
	row("KV cache", m.KV, fmt.Sprintf("%d tokens of %d bytes", max(0, m.KV)/perToken, perToken))
	if err := table.Flush(); err != nil {
		return err
	}
	if err := m.Check(minCacheBytes); err != nil {
		_, err = fmt.Fprintf(out, "%v\n", err)
		return err
	}
	pool, err := plan.Pool(max(m.KV, minCacheBytes), footprint)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "sequences at once, with %d text tokens and %d of answer:\n", f.text, f.answer)
	fmt.Fprint(table, "  visual tokens")
	for _, permille := range permilles {
		fmt.Fprintf(table, "\t%v %%", float64(permille)/10)
	}
	fmt.Fprintln(table, "\t")
	for _, visual := range f.visuals {
		fmt.Fprintf(table, "  %d", visual)
		for _, permille := range permilles {
			fmt.Fprintf(table, "\t%s", f.sequences(pool, footprint, visual, permille))
		}
		fmt.Fprintln(table, "\t")
	}
	return table.Flush()
}

func (f *planFlags) longest(footprint model.Footprint) int {
	if f.maxModelLen == 0 {
		return footprint.Config.MaxPosition
	}
	return min(f.maxModelLen, footprint.Config.MaxPosition)
}

// sequences is "-" for prompts that the model does not take.
func (f *planFlags) sequences(pool kv.Shape, footprint model.Footprint, visual, permille int) string {
	if visual+f.text+f.answer > f.longest(footprint) {
		return "-"
	}
	return fmt.Sprint(plan.Sequences(pool, plan.Request{Visual: visual, Text: f.text, Answer: f.answer, Permille: permille, Copied: true}))
}
