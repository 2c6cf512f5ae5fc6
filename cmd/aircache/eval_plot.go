package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/eval/chart"
)

func evalPlotCommand() *cobra.Command {
	var report, out string
	cmd := &cobra.Command{
		Use:   "plot",
		Short: "Draw a report's curves (PNG, SVG) and write its tables (Markdown)",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if report == "" || out == "" {
				return fmt.Errorf("--json and --out are required: the report of aircache eval, and the folder to write to")
			}
			return plotReport(report, out)
		},
	}
	cmd.Flags().StringVar(&report, "json", "", "report of aircache eval (required)")
	cmd.Flags().StringVar(&out, "out", "", "folder for TASK.png, TASK.svg and table.md (required)")
	return cmd
}

func plotReport(name, out string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the report: %w", err)
	}
	var report eval.Report
	if err := json.Unmarshal(b, &report); err != nil {
		return fmt.Errorf("reading the report %s: %w", name, err)
	}
	return chart.Write(report, out)
}
