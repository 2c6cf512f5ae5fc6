package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/hub"
	"aircache.dev/aircache/runtime/server"
	"aircache.dev/aircache/runtime/server/openai"
)

// generateFlags are those of `aircache generate`.
type generateFlags struct {
	modelFlags
	images    []string
	prompt    string
	maxTokens int64
	asJSON    bool
	verbose   bool
}

func generateCommand() *cobra.Command {
	f := &generateFlags{}
	f.floor, f.ceiling = control.MinPermille, control.MaxPermille
	f.maxQueue, f.maxRunning, f.maxImages = 1, 1, 1024
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Answer one question about pictures, and end",
		Long: `Answer one question about pictures, and end: the answer goes to standard output.
Pictures stand before the question, in the order of the flags; without one the
question stands alone. With --retention-permille under 1000 the pictures' KV cache
is compressed after prefill by --policy; --json shows how many visual tokens and bytes
were kept, and the recall: which share of the policy's own scores they hold.
Temperature and top_p are those of the model's generation_config.json.`,
		Example: `  aircache generate --model models/aircache-tiny --image models/aircache-tiny-samples/cards-1.png \
    --prompt "Read the code of the pink box." --retention-permille 200 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return generate(cmd.Context(), *f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	set := cmd.Flags()
	f.modelFlags.register(set)
	set.StringArrayVar(&f.images, "image", nil, "file of a picture (JPEG, PNG, WebP); repeat for several, in order")
	set.StringVar(&f.prompt, "prompt", "", "the question (required)")
	set.Int64Var(&f.maxTokens, "max-tokens", 64, "longest answer in tokens, 1 to 1048576")
	set.BoolVar(&f.asJSON, "json", false, "print the answer as JSON, with the usage")
	set.BoolVarP(&f.verbose, "verbose", "v", false, "log to standard error")
	return cmd
}

func (f *generateFlags) check() error {
	if err := f.modelFlags.check(); err != nil {
		return err
	}
	if f.prompt == "" {
		return fmt.Errorf("--prompt is required")
	}
	return within("max-tokens", f.maxTokens, 1, 1<<20)
}

func generate(ctx context.Context, f generateFlags, out, logTo io.Writer) error {
	request, err := f.request()
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if f.verbose {
		log = newLogger(logTo, "text", "info")
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	l := &loader{flags: f.modelFlags, recorder: engine.Discard{}, log: log,
		bounds: control.Bounds{FloorPermille: f.floor, CeilingPermille: f.ceiling}}
	if err := l.fetch(ctx, &hub.Progress{}, func(state string) { log.Info("fetching the model", "state", state) }); err != nil {
		return err
	}
	device, err := l.openBackend()
	if err != nil {
		return err
	}
	m, err := l.load(ctx, device)
	if err != nil {
		return fmt.Errorf("loading %s: %w", f.model, err)
	}
	return f.answer(ctx, m, request, out)
}

func (f *generateFlags) answer(ctx context.Context, m *server.Model, request *openai.ChatRequest, out io.Writer) error {
	choice, usage, err := m.Answer(ctx, request, f.maxImages)
	if err != nil {
		return err
	}
	if !f.asJSON {
		_, err = fmt.Fprintln(out, choice.Message.Content)
		return err
	}
	return json.NewEncoder(out).Encode(map[string]any{"text": choice.Message.Content, "finish_reason": choice.FinishReason, "usage": usage})
}

// request is the question as the API would get it: pictures first, then the text.
func (f *generateFlags) request() (*openai.ChatRequest, error) {
	var parts []openai.Part
	for _, name := range f.images {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading --image: %w", err)
		}
		url := "data:" + http.DetectContentType(b) + ";base64," + base64.StdEncoding.EncodeToString(b)
		parts = append(parts, openai.Part{ImageURL: url, Param: name})
	}
	parts = append(parts, openai.Part{Text: f.prompt})
	return &openai.ChatRequest{Messages: []openai.Message{{Role: "user", Content: parts}}, MaxTokens: &f.maxTokens}, nil
}
