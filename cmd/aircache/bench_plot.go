package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aircache.dev/aircache/runtime/bench"
	"aircache.dev/aircache/runtime/bench/chart"
)

func benchPlotCommand() *cobra.Command {
	var reports []string
	var document string
	cmd := &cobra.Command{
		Use:   "plot",
		Short: "Write reports' tables into a document, and draw step times beside it (PNG, SVG)",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if len(reports) == 0 || document == "" {
				return fmt.Errorf("--json and --doc are required: reports of aircache bench, and the document to write them into")
			}
			return plotBench(reports, document)
		},
	}
	cmd.Flags().StringSliceVar(&reports, "json", nil, "reports of aircache bench, in the order in which they are shown (required)")
	cmd.Flags().StringVar(&document, "doc", "", "Markdown file with the two lines that the figures stand between (required); pictures go into a folder of its name")
	return cmd
}

func plotBench(files []string, document string) error {
	var reports []chart.Named
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading a report: %w", err)
		}
		r := &bench.Report{}
		if err := json.Unmarshal(b, r); err != nil {
			return fmt.Errorf("reading the report %s: %w", name, err)
		}
		reports = append(reports, chart.Named{Name: strings.TrimSuffix(filepath.Base(name), ".json"), Report: r})
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	folder := strings.TrimSuffix(filepath.Base(document), ".md")
	text, pictures, err := chart.Document(text, folder, chart.Merge(reports))
	if err != nil {
		return err
	}
	dir := filepath.Join(filepath.Dir(document), folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing pictures: %w", err)
	}
	for _, p := range pictures {
		if err := os.WriteFile(filepath.Join(dir, p.Name), p.Content, 0o644); err != nil {
			return fmt.Errorf("writing a picture: %w", err)
		}
	}
	if err := os.WriteFile(document, text, 0o644); err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	return nil
}
