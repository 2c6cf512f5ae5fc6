package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/hub"
)

func pullCommand() *cobra.Command {
	f := &sourceFlags{}
	var verify, verbose bool
	cmd := &cobra.Command{
		Use:   "pull MODEL",
		Short: "Fetch a model, check it, and print its folder",
		Long:  "Fetch a model, check it, and print its folder.\n\n" + sourceHelp,
		Example: `  aircache pull hf://llava-hf/llava-onevision-qwen2-0.5b-ov-hf
  aircache serve --model "$(aircache pull s3://models/reader)"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.model = args[0]
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			log := slog.New(slog.DiscardHandler)
			if verbose {
				log = newLogger(cmd.ErrOrStderr(), "text", "info")
			}
			return f.pull(ctx, log, verify, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&f.cache, "model-cache", defaultCache(), "folder that fetched models are kept in")
	cmd.Flags().BoolVar(&verify, "verify", false, "read a model that is there already, and check it again")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log to standard error")
	return cmd
}

func (f *sourceFlags) pull(ctx context.Context, log *slog.Logger, verify bool, out, messages io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	last := ""
	m, err := f.fetch(ctx, log, &hub.Progress{}, func(state string) {
		if state != last {
			fmt.Fprintln(messages, state)
			last = state
		}
	})
	if err != nil {
		return err
	}
	switch {
	case m.Fetched:
		fmt.Fprintf(messages, "fetched %s at %s: %s\n", m.Reference, m.Revision, hub.Size(m.Bytes))
	case verify:
		if err := hub.Verify(ctx, m.Dir); err != nil {
			return &fetchError{err}
		}
		fmt.Fprintf(messages, "%s is as it was fetched\n", m.Dir)
	}
	_, err = fmt.Fprintln(out, m.Dir)
	return err
}
