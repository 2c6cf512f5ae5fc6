package chart

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aircache.dev/aircache/runtime/bench"
)

// titles of the kinds, in the order in which they are shown.
var titles = []struct{ what, title string }{
	{"decode", "Decode step (batch x visual + text tokens, share of the visual ones kept)"},
	{"ragged", "Layers of different lengths against equal ones of the same total"},
	{"prefill", "Prefill, to the first token"},
	{"vision", "Vision tower and projector"},
	{"compress", "Compression of one prompt (visual + text tokens), all layers"},
	{"capacity", "Sequences held at once (visual + text tokens)"},
	{"serve", "Serving requests that arrive at random"},
	{"memory", "Growth of memory in use"},
}

// Markdown is a report's tables, and what the bars say where it has figures that they speak of.
func Markdown(r *bench.Report) []byte {
	var b bytes.Buffer
	s := r.Settings
	fmt.Fprintf(&b, "### %s on %s\n\n", s.Model, s.Device)
	facts := []string{"code " + s.Code, "host " + s.Host}
	if s.Driver != "" {
		facts = append(facts, "driver "+s.Driver)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Versions)) {
		facts = append(facts, name+" "+s.Versions[name])
	}
	facts = append(facts, fmt.Sprintf("median of %d", s.Repeat), fmt.Sprintf("policy %s", s.Policy), fmt.Sprintf("seed %d", s.Seed))
	fmt.Fprintf(&b, "%s.\n\n", strings.Join(facts, "; "))
	if s.Ceilings != (bench.Ceilings{}) {
		fmt.Fprintf(&b, "%s\n\n", ceilings(s.Ceilings))
	}
	for _, t := range titles {
		if figures := of(r, t.what); len(figures) > 0 {
			fmt.Fprintf(&b, "#### %s\n\n", t.title)
			table(&b, r, figures)
		}
	}
	bars(&b, r)
	return b.Bytes()
}

func ceilings(c bench.Ceilings) string {
	parts := []string{fmt.Sprintf("Floors at %s GB/s and %s TFLOP/s of products", number(c.Bytes/1e9), number(c.Products/1e12))}
	if c.Attention > 0 {
		parts = append(parts, fmt.Sprintf("%s of attention", number(c.Attention/1e12)))
	}
	return strings.Join(parts, ", ") + " (" + c.Source + ")."
}

func of(r *bench.Report, what string) (figures []bench.Figure) {
	for _, f := range r.Figures {
		if f.What == what {
			figures = append(figures, f)
		}
	}
	return figures
}

// table has a row a figure. Columns that no figure fills are left out.
func table(b *bytes.Buffer, r *bench.Report, figures []bench.Figure) {
	peers := map[string]bool{}
	for _, f := range figures {
		for name := range f.Peers {
			peers[name] = true
		}
	}
	columns := []column{
		{"", func(f bench.Figure) string { return strings.TrimSuffix(f.Metric+", "+describe(f.Case), ", ") }},
		{"measured", measured},
		{"a tenth below .. above", func(f bench.Figure) string {
			if f.High == 0 {
				return ""
			}
			return number(f.Low) + " .. " + number(f.High)
		}},
		{limitOf(figures[0]), func(f bench.Figure) string {
			if f.Floor == 0 {
				return ""
			}
			return number(f.Floor)
		}},
		{"share of it", share},
		{"against", func(f bench.Figure) string { return against(r, f) }},
	}
	for _, name := range slices.Sorted(maps.Keys(peers)) {
		columns = append(columns, column{name, func(f bench.Figure) string {
			if v, ok := f.Peers[name]; ok {
				return number(v)
			}
			return ""
		}})
	}
	columns = append(columns, column{"note", func(f bench.Figure) string { return f.Note }})
	write(b, columns, figures)
}

type column struct {
	head string
	cell func(bench.Figure) string
}

func write(b *bytes.Buffer, columns []column, figures []bench.Figure) {
	columns = slices.DeleteFunc(columns, func(c column) bool {
		return !slices.ContainsFunc(figures, func(f bench.Figure) bool { return c.cell(f) != "" })
	})
	for _, c := range columns {
		fmt.Fprintf(b, "| %s ", c.head)
	}
	b.WriteString("|\n" + strings.Repeat("|---", len(columns)) + "|\n")
	for _, f := range figures {
		for _, c := range columns {
			fmt.Fprintf(b, "| %s ", c.cell(f))
		}
		b.WriteString("|\n")
	}
	b.WriteByte('\n')
}

func measured(f bench.Figure) string {
	if f.Value == 0 && f.Unit == "ms" {
		return ""
	}
	if f.Unit == "sequences" {
		return fmt.Sprintf("%.0f", f.Value)
	}
	return number(f.Value) + " " + f.Unit
}

// against compares a figure with the one that it is there to be compared with: the full cache, or equal layers.
func against(r *bench.Report, f bench.Figure) string {
	full := f.Case
	full.Permille = 1000
	if base, ok := r.Find(full); ok && f.Permille < 1000 && f.What != "serve" && base.Value > 0 && f.Value > 0 {
		if f.Unit != "ms" {
			return fmt.Sprintf("%.2fx the full cache", f.Value/base.Value)
		}
		return fmt.Sprintf("%+.0f %% to the full cache (floors: %+.0f %%)", 100*(f.Value/base.Value-1), 100*(f.Floor/base.Floor-1))
	}
	equal := f.Case
	equal.Metric = strings.Replace(f.Metric, "ragged", "equal", 1)
	if base, ok := r.Find(equal); ok && equal != f.Case && base.Value > 0 && f.Value > 0 {
		return fmt.Sprintf("%.3fx equal layers", f.Value/base.Value)
	}
	return ""
}
