package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/eval/lens"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
)

// lensFlags are those of `aircache lens`.
type lensFlags struct {
	model, image, prompt, policy, out string
	permille, maxTokens               int
}

func lensCommand() *cobra.Command {
	f := &lensFlags{}
	cmd := &cobra.Command{
		Use:   "lens",
		Short: "Show which parts of a picture stay in the KV cache for a question",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.show(cmd.Context(), cmd.OutOrStdout())
		},
	}
	set := cmd.Flags()
	set.StringVar(&f.model, "model", "", "folder of the model in Hugging Face's layout (required)")
	set.StringVar(&f.image, "image", "", "file of the picture: JPEG, PNG or WebP (required)")
	set.StringVar(&f.prompt, "prompt", "", "the question (required)")
	set.StringVarP(&f.out, "out", "o", "", "PNG file to write (required)")
	set.StringVar(&f.policy, "policy", "AirCache", "name of a policy, with options as in AirCache+alpha=0.7")
	set.IntVar(&f.permille, "retention-permille", 100, "share of the picture's KV cache to keep, in permille, 1 to 999")
	set.IntVar(&f.maxTokens, "max-tokens", 48, "longest answer in tokens, 1 to 4096")
	return cmd
}

func (f *lensFlags) check() error {
	for _, needed := range []struct{ flag, value string }{{"model", f.model}, {"image", f.image}, {"prompt", f.prompt}, {"out", f.out}} {
		if needed.value == "" {
			return fmt.Errorf("--%s is required", needed.flag)
		}
	}
	return errors.Join(within("retention-permille", int64(f.permille), 1, compress.Everything-1), within("max-tokens", int64(f.maxTokens), 1, 4096))
}

func (f *lensFlags) show(ctx context.Context, out io.Writer) error {
	policy, name, err := compress.Parse(f.policy, compress.Defaults())
	if err != nil {
		return fmt.Errorf("--policy: %w", err)
	}
	encoded, err := os.ReadFile(f.image)
	if err != nil {
		return fmt.Errorf("reading --image: %w", err)
	}
	picture, err := image.Decode(encoded, image.Limits{})
	if err != nil {
		return fmt.Errorf("reading --image: %w", err)
	}
	view, err := f.look(ctx, picture, policy, name)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", f.image, err)
	}
	sheet, err := lens.Draw(view)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, sheet); err != nil {
		return fmt.Errorf("encoding the sheet: %w", err)
	}
	if err := os.WriteFile(f.out, file.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the sheet: %w", err)
	}
	for _, line := range view.Report() {
		fmt.Fprintln(out, line)
	}
	return nil
}

// look asks the question once, with the whole cache and with what the policy keeps of it.
func (f *lensFlags) look(ctx context.Context, picture *image.RGB, policy compress.Policy, name string) (view lens.View, err error) {
	models := &instances{folder: f.model}
	device, network, err := models.load()
	if err != nil {
		return view, err
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	reader, err := eval.OpenReader(f.model, network.Config())
	if err != nil {
		return view, err
	}
	p, err := reader.Prompt(eval.Item{Pictures: []*image.RGB{picture}, Question: f.prompt}, f.maxTokens)
	if err != nil {
		return view, err
	}
	study, err := engine.NewStudy(network, lensBytes(network.Config(), len(p.Tokens)+f.maxTokens), time.Now)
	if err != nil {
		return view, err
	}
	c, err := study.Prompt(ctx, p.Tokens, p.Images, f.maxTokens, policy)
	if err != nil {
		return view, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	kept, err := c.Run(policy, f.permille)
	if err != nil {
		return view, err
	}
	if kept.Kept == nil {
		return view, fmt.Errorf("the policy keeps everything: %s", kept.KeptWhole)
	}
	view = lens.View{Picture: picture, Grid: int(math.Sqrt(float64(network.Config().VisualTokens))), Cells: cells(p.Images[0]), Lines: []string{
		fmt.Sprintf("%s, %s: %s", filepath.Base(f.image), name, f.prompt),
		fmt.Sprintf("full cache: %s     with %.4g %% of the picture's KV: %s", reader.Decode(c.Answer()), float64(f.permille)/10, reader.Decode(kept.Tokens)),
	}}
	for l, rows := range kept.Kept {
		view.Layers = append(view.Layers, layerOf(l, rows, kept))
	}
	return view, nil
}

// cells are nil for a picture whose rows are its patches.
func cells(px image.Pixels) []int {
	if px.Layout == nil {
		return nil
	}
	return px.Layout.Cells()
}

func layerOf(l int, rows []int32, o engine.Outcome) lens.Layer {
	layer := lens.Layer{Kept: rows, Recall: -1}
	if l < len(o.Elite) {
		layer.Elite = o.Elite[l]
	}
	if l < len(o.LayerRecall) {
		layer.Recall = o.LayerRecall[l]
	}
	return layer
}

// lensBytes holds the whole cache and a compressed copy, each with a page a layer to spare.
func lensBytes(c model.Config, tokens int) int64 {
	return 2 * int64(c.Layers) * int64(c.KVBytesPerTokenLayer) * int64(tokens+2*backend.PageTokens)
}
