package chart

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aircache.dev/aircache/runtime/eval"
)

// Markdown is a table of scores for each task and all of them, and one of what the policies cost over all tasks.
func Markdown(report eval.Report) []byte {
	var b bytes.Buffer
	tasks := tasksOf(report)
	for i := range tasks { // the pooled one first
		task := tasks[(i+len(tasks)-1)%len(tasks)]
		fmt.Fprintf(&b, "### %s\n\n", strings.ToUpper(title(report, task)[:1])+title(report, task)[1:])
		scores(&b, report, task)
		if i == 0 && len(report.Pairs) > 0 {
			differences(&b, report)
		}
	}
	last := tasks[len(tasks)-1]
	fmt.Fprintf(&b, "### What it takes, %s\n\n", title(report, last))
	costs(&b, report, last)
	return bytes.TrimRight(append(b.Bytes(), '\n'), "\n")
}

// scores has a row a policy and a column a retention: right answers and their interval, in percent.
func scores(b *bytes.Buffer, report eval.Report, task string) {
	b.WriteString("| policy |")
	for _, permille := range report.Settings.Permilles {
		fmt.Fprintf(b, " %s %% |", percent(permille))
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(report.Settings.Permilles)) + "\n")
	if row := at(report, task, eval.FullName, 1000); row != nil {
		fmt.Fprintf(b, "| full cache | %s |%s\n", cell(row.Score), strings.Repeat(" |", len(report.Settings.Permilles)-1))
	}
	for _, policy := range report.Settings.Policies {
		if policy == eval.FullName {
			continue
		}
		fmt.Fprintf(b, "| %s |", policy)
		for _, permille := range report.Settings.Permilles {
			text := ""
			if row := at(report, task, policy, permille); row != nil {
				text = cell(row.Score) + " "
			}
			fmt.Fprintf(b, " %s|", text)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}

// differences has what the first policy wins over each other one, in points.
func differences(b *bytes.Buffer, report eval.Report) {
	fmt.Fprintf(b, "%s minus, on the same questions:\n\n| policy |", report.Pairs[0].Policy)
	var others []string
	var permilles []int
	for _, p := range report.Pairs {
		if !slices.Contains(others, p.Against) {
			others = append(others, p.Against)
		}
		if !slices.Contains(permilles, p.Permille) {
			permilles = append(permilles, p.Permille)
			fmt.Fprintf(b, " %s %% |", percent(p.Permille))
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(permilles)))
	for _, other := range others {
		fmt.Fprintf(b, "\n| %s |", called(other))
		for _, p := range report.Pairs { // by retention, as the header
			if p.Against == other {
				fmt.Fprintf(b, " %+.1f (%+.1f..%+.1f) |", 100*p.Value, 100*p.Low, 100*p.High)
			}
		}
	}
	b.WriteString("\n\n")
}

func cell(m eval.Mean) string {
	return fmt.Sprintf("%.1f (%.1f..%.1f)", 100*m.Value, 100*m.Low, 100*m.High)
}

func costs(b *bytes.Buffer, report eval.Report, task string) {
	b.WriteString("| policy | kept | right tokens | recall | agreement | KL | KV of all layers | peak KV | compression | of prefill |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range report.Rows {
		if row.Task != task {
			continue
		}
		tokens := ""
		if row.Tokens != nil {
			tokens = fmt.Sprintf("%.1f", 100*row.Tokens.Value)
		}
		fmt.Fprintf(b, "| %s | %s %% | %s | %.3f | %.3f | %.3f | %d KiB | %d KiB | %.2f ms | %.1f %% |\n", called(row.Policy), percent(row.Permille), tokens,
			row.Recall, row.Agreement, row.KL, row.KVBytes>>10, row.PeakBytes>>10, 1000*row.CompressSeconds, 100*row.CompressSeconds/max(row.PrefillSeconds, 1e-9))
	}
	b.WriteByte('\n')
}

func called(policy string) string {
	if policy == eval.FullName {
		return "full cache"
	}
	return policy
}

// percent writes permilles without idle digits: 1000 is 100, 25 is 2.5.
func percent(permille int) string { return strconv.FormatFloat(float64(permille)/10, 'g', -1, 64) }
