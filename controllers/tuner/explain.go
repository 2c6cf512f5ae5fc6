package tuner

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation is a decision with its inputs, the rules that were asked, and what the alternatives were predicted to bring.
type Explanation struct {
	Decision     Decision
	Rules        []string // asked, in order; the last one decided
	Inputs       []Input
	Alternatives []Alternative
}

// Input is one number that the decision comes from.
type Input struct {
	Name, Value string
}

// Alternative is a retention and the figures that the model predicts for it. A figure that the model cannot know is negative.
type Alternative struct {
	Permille            int32
	Name                string  // now, decided, wanted, lowest, highest or nothing
	KVDemand            float64 // share of the fullest pod's pool
	ITLSeconds          float64 // p95
	ITLDeviationSeconds float64
	Recall              float64 // that nine of ten requests have at least
	Breaks              string  // the objectives that it would break
}

type step struct {
	rule    string
	decided bool
}

var ruleNames = [...]string{
	"fixed value", "bounds of the spec", "metrics", "after a violation", "quality floor", "KV pressure", "latency objectives", "headroom", "raise",
}

// Explain is Next with its reasons. It decides the same.
func Explain(t Target, s State, m Sample) Explanation {
	in, metrics := newInput(t, s, m)
	in.trace = []step{}
	v := in.verdict()
	before := *in
	_, d := in.conclude(v, metrics)
	e := Explanation{Decision: d}
	for _, asked := range before.trace {
		e.Rules = append(e.Rules, asked.rule)
	}
	if metrics.OK {
		e.Inputs, e.Alternatives = before.inputs(), before.alternatives(d)
	}
	return e
}

func (in *input) inputs() []Input {
	t, s, m, k := in.target, in.state, in.sample, in.model
	list := []Input{
		{"pods", fmt.Sprintf("%d of %d gave metrics", m.Scraped, m.Expected)},
		{"KV demand", fmt.Sprintf("%s of the fullest pool, objective %s, aim %s", share(k.demand), share(t.high()), share(t.aim()))},
		{"load at full retention", share(k.full) + " of a pool"},
		{"text share", share(k.text)},
		{"resident retention", percent(int32(k.resident))},
		{"requests", fmt.Sprintf("%.0f running, %.0f waiting, %.0f ended", m.Running, m.Waiting, m.Finished)},
		{"bounds", fmt.Sprintf("%s to %s", percent(in.lower), percent(t.MaxPermille))},
		{"calm", fmt.Sprintf("%.0f of %.0f s", s.CalmSeconds, t.StabilizationSeconds)},
	}
	if k.canPredictSteps() {
		list = append(list, Input{"decode step", fmt.Sprintf("%s = %s + %s per thousand KV tokens * %.1f + %s per sequence * %.1f",
			milliseconds(k.step), milliseconds(k.steps.Theta[0]), milliseconds(k.steps.Theta[1]), k.at[1], milliseconds(k.steps.Theta[2]), k.at[2])})
	}
	if k.busy.known {
		list = append(list, Input{"time of the pods", fmt.Sprintf("%s prefill, %s decoding", share(k.busy.prefill), share(k.busy.decode))})
	}
	if t.MinRecallPermille > 0 {
		list = append(list, Input{"recall asked", fmt.Sprintf("%s of the spec, %s after calibration", percent(t.MinRecallPermille), share(s.minRecall(t)))})
	}
	if s.ComparedRequests > 0 {
		list = append(list, Input{"agreement", s.agreementText()})
	}
	if c := s.Canary; c.isOn() {
		list = append(list, Input{"on trial", fmt.Sprintf("%s for %s of the requests since %.0f s: %s", percent(c.CandidatePermille), percent(c.SharePermille), c.Seconds, c.evidence())})
	}
	if t.tries() {
		list = append(list, Input{"proven", percent(in.trusted()) + " and more"})
	}
	return list
}

// alternatives are the values that matter, each once, ascending.
func (in *input) alternatives(d Decision) []Alternative {
	now := in.state.TargetPermille
	names := map[int32]string{}
	for _, a := range []struct {
		permille int32
		name     string
	}{
		{now, "now"}, {d.TargetPermille, "decided"}, {d.WantPermille, "wanted"}, {in.lower, "lowest"}, {in.target.MaxPermille, "highest"}, {in.state.Canary.CandidatePermille, "on trial"},
		{now - in.target.MaxStepPermille, ""}, {now + in.target.smallStep(), ""},
	} {
		if a.permille < in.lower && a.name != "on trial" || a.permille < 1 || a.permille > in.target.MaxPermille {
			continue
		}
		if names[a.permille] != "" && a.name != "" {
			a.name = names[a.permille] + ", " + a.name
		} else if names[a.permille] != "" {
			continue
		}
		names[a.permille] = a.name
	}
	var list []Alternative
	for permille, name := range names {
		list = append(list, in.alternative(permille, name))
	}
	slices.SortFunc(list, func(a, b Alternative) int { return int(a.Permille - b.Permille) })
	return list
}

func (in *input) alternative(permille int32, name string) Alternative {
	t, k := in.target, in.model
	a := Alternative{Permille: permille, Name: name, KVDemand: k.predicted(permille), ITLSeconds: -1, Recall: -1}
	var broken []string
	if a.KVDemand >= t.high() {
		broken = append(broken, "KV")
	}
	if k.itl > 0 && k.canPredictSteps() {
		a.ITLSeconds, a.ITLDeviationSeconds = k.itlAt(permille)
		if t.ITLP95Seconds > 0 && a.ITLSeconds > t.ITLP95Seconds {
			broken = append(broken, "inter-token latency")
		}
	}
	if recall, ok := recallAt(in.sample.Recall, permille); ok {
		a.Recall = recall
		if t.MinRecallPermille > 0 && recall < in.state.minRecall(t) {
			broken = append(broken, "recall")
		}
	}
	a.Breaks = strings.Join(broken, ", ")
	return a
}

// String is the explanation as a page of text.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", e.Decision.Action, e.Decision.Reason, e.Decision.Message)
	fmt.Fprintf(&b, "rules asked: %s\n", strings.Join(e.Rules, ", "))
	for _, in := range e.Inputs {
		fmt.Fprintf(&b, "  %-24s %s\n", in.Name, in.Value)
	}
	for _, a := range e.Alternatives {
		fmt.Fprintf(&b, "  at %-6s KV %-6s itl %-18s recall %-6s %s\n", percent(a.Permille), share(a.KVDemand),
			unless(a.ITLSeconds < 0, milliseconds(a.ITLSeconds)+" +- "+milliseconds(a.ITLDeviationSeconds)),
			unless(a.Recall < 0, share(a.Recall)), a.remark())
	}
	if e.Decision.Replicas.Recommended > 0 {
		fmt.Fprintf(&b, "  %s\n", e.Decision.Replicas.Message)
	}
	return b.String()
}

func unless(unknown bool, text string) string {
	if unknown {
		return "-"
	}
	return text
}

func (a Alternative) remark() string {
	text := a.Name
	if a.Breaks != "" {
		text = strings.TrimSpace(text + " breaks " + a.Breaks)
	}
	return text
}
