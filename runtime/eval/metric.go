package eval

import (
	"fmt"
	"strconv"
	"strings"
)

// Metric says how an answer is scored against the accepted ones, from 0 to 1.
type Metric string

// The metrics of the benchmarks.
const (
	Exact   Metric = "exact"   // the same text
	Relaxed Metric = "relaxed" // ChartQA: numbers may be 5 % off
	ANLS    Metric = "anls"    // DocVQA, InfoVQA: similar spelling counts in part
	VQA     Metric = "vqa"     // TextVQA: three people of ten said so
)

var metrics = map[Metric]func(answer string, accepted []string) float64{
	Exact: best(func(answer, want string) float64 { return yes(answer == want) }), Relaxed: best(relaxed), ANLS: best(anls), VQA: vqa,
}

// ParseMetric names the metrics that there are where the name is none.
func ParseMetric(name string) (Metric, error) {
	if m := Metric(name); metrics[m] != nil {
		return m, nil
	}
	return "", fmt.Errorf("metric %q is unknown, it must be exact, relaxed, anls or vqa", name)
}

// Score of an answer.
func (m Metric) Score(answer string, accepted []string) float64 { return metrics[m](answer, accepted) }

// best is the highest score over the accepted answers.
func best(score func(answer, want string) float64) func(string, []string) float64 {
	return func(answer string, accepted []string) float64 {
		top := 0.0
		for _, want := range accepted {
			top = max(top, score(answer, want))
		}
		return top
	}
}

// relaxed accepts numbers within 5 % of the truth, and texts that differ in case only. A percent sign divides by 100.
//
//	"9.6" for "10"  ->  1;   "9.4" for "10"  ->  0;   "42%" for "0.42"  ->  1;   "Red" for "red"  ->  1
func relaxed(answer, want string) float64 {
	got, isNumber := number(answer)
	truth, wantsNumber := number(want)
	if isNumber && wantsNumber && truth != 0 {
		return yes(max(got-truth, truth-got) <= 0.05*max(truth, -truth))
	}
	return yes(strings.EqualFold(strings.TrimSpace(answer), strings.TrimSpace(want)))
}

func number(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	plain, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(plain, 64)
	if percent {
		v /= 100
	}
	return v, err == nil
}

// anls is 1 - edits/length where less than half must be edited, else 0; case and outer space do not count.
//
//	"receipt" for "reciept"  ->  2 edits of 7 characters: .714;   "cat" for "dog"  ->  0
func anls(answer, want string) float64 {
	a, b := []rune(strings.ToLower(strings.TrimSpace(answer))), []rune(strings.ToLower(strings.TrimSpace(want)))
	longest := max(len(a), len(b))
	if longest == 0 {
		return 1
	}
	if far := float64(edits(a, b)) / float64(longest); far < 0.5 {
		return 1 - far
	}
	return 0
}

// edits is Levenshtein's distance.
func edits(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		corner := row[0]
		row[0] = i + 1
		for j, y := range b {
			change := corner
			if x != y {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}

// TokenAccuracy is the share of places with the right token; a missing or a surplus token is wrong.
//
//	7 K Q 2 for 7 K P 2  ->  3/4;   7 K for 7 K P 2  ->  2/4
func TokenAccuracy(got, want []int32) float64 {
	right := 0
	for i := range min(len(got), len(want)) {
		if got[i] == want[i] {
			right++
		}
	}
	if n := max(len(got), len(want)); n > 0 {
		return float64(right) / float64(n)
	}
	return 1
}

func yes(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
