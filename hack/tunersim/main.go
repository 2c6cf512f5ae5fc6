// Command tunersim plays traces of users and pods against the tuner and other ways to choose a retention, and writes a table, plots and
// the figures as JSON. Equal flags give equal figures.
//
//	go run ./hack/tunersim --trace all --policies all --out docs/tuning
//	go run ./hack/tunersim --trace step --policies tuner --decisions
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"aircache.dev/aircache/controllers/tuner"
	"aircache.dev/aircache/hack/tunersim/plant"
	"aircache.dev/aircache/hack/tunersim/policy"
)

func main() {
	var o options
	flag.StringVar(&o.traces, "trace", "all", "traces to play, with commas; all of them are: "+strings.Join(traceNames(), ", "))
	flag.StringVar(&o.policies, "policies", "all", "policies to play them under, with commas; all of them are: "+strings.Join(policy.Names(), ", "))
	flag.StringVar(&o.out, "out", "", "folder for report.json, table.md and the plots; nothing is written when empty")
	flag.IntVar(&o.seeds, "seeds", 1, "how often each trace is played, with other users of the same habits; the figures are means")
	flag.StringVar(&o.from, "from", "", "a report.json to print and draw instead of playing")
	flag.BoolVar(&o.decisions, "decisions", false, "print the tuner's changes")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "tunersim: "+err.Error())
		os.Exit(1)
	}
}

type options struct {
	traces, policies, out, from string
	seeds                       int
	decisions                   bool
}

func traceNames() (names []string) {
	for _, t := range plant.Traces() {
		names = append(names, t.Name)
	}
	return names
}

func run(o options) error {
	traces, err := chosen("trace", o.traces, traceNames())
	if err != nil {
		return err
	}
	policies, err := chosen("policy", o.policies, policy.Names())
	if err != nil {
		return err
	}
	var report Report
	if o.from == "" {
		report, err = play(traces, policies, o)
	} else {
		report, err = read(o.from)
	}
	if err != nil {
		return err
	}
	fmt.Print(report.Markdown())
	fmt.Print("\n" + report.Against())
	if o.out == "" {
		return nil
	}
	if err := report.write(filepath.Join(o.out, "report.json")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "table.md"), []byte(report.Markdown()), 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return errors.Join(report.draw(o.out), drawStory(o.out))
}

// chosen are the wanted names in the order of all.
func chosen(what, wanted string, all []string) ([]string, error) {
	if wanted == "all" {
		return all, nil
	}
	list := strings.Split(wanted, ",")
	for i := range list {
		if list[i] = strings.TrimSpace(list[i]); !slices.Contains(all, list[i]) {
			return nil, fmt.Errorf("there is no %s %q; there are: %s", what, list[i], strings.Join(all, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !slices.Contains(list, name) }), nil
}

// play runs every trace under every policy, as many at once as there are cores.
func play(traces, policies []string, o options) (Report, error) {
	if o.seeds < 1 || o.seeds > 100 {
		return Report{}, fmt.Errorf("-seeds is %d, allowed are 1 to 100", o.seeds)
	}
	report := Report{Seeds: o.seeds, Traces: traces, Policies: policies}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	var see policy.Witness
	if o.decisions {
		group.SetLimit(1)
		see = printChanges
	}
	played := make([][]plant.Result, len(traces)*len(policies))
	for _, t := range plant.Traces() {
		at := slices.Index(traces, t.Name)
		if at < 0 {
			continue
		}
		for i := range played[at*len(policies) : (at+1)*len(policies)] {
			results := make([]plant.Result, o.seeds)
			played[at*len(policies)+i] = results
			for seed := range results {
				again := t
				again.Seed += 1000 * uint64(seed)
				group.Go(func() error {
					results[seed] = policy.Run(&again, policies[i], see)
					return nil
				})
			}
		}
	}
	err := group.Wait()
	for _, results := range played {
		report.Results = append(report.Results, rounded(mean(results)))
	}
	return report, err
}

func printChanges(f *plant.Fleet, pool int, m tuner.Sample, c policy.Choice) {
	if c.Decision.Action != tuner.Hold {
		fmt.Printf("%6.0f s pool %d, %d pods, %3.0f running, %3.0f waiting: %s; %s\n",
			f.Now(), pool, f.Replicas(pool), m.Running, m.Waiting, c.Decision.Message, c.Decision.Replicas.Message)
	}
}
