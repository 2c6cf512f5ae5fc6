package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the tables of docs/api.md anew")

const apiDocument = "../../docs/api.md"

// The tables of docs/api.md are what the code says.
func TestTheAPIDocumentHasTheFlagsAndMetricsOfTheCode(t *testing.T) {
	b, err := os.ReadFile(apiDocument)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, table := range map[string]string{"flags": flagTable(t), "metrics": metricTable(t)} {
		begin := "<!-- " + name + ": written by go test ./cmd/aircache -run APIDocument -update -->\n"
		before, rest, ok := strings.Cut(text, begin)
		old, after, ends := strings.Cut(rest, "<!-- end of "+name+" -->")
		if !ok || !ends {
			t.Fatalf("docs/api.md has no place for the %s", name)
		}
		if old == table {
			continue
		}
		if !*update {
			t.Errorf("the %s of docs/api.md are not those of the code: go test ./cmd/aircache -run APIDocument -update", name)
			continue
		}
		text = before + begin + table + "<!-- end of " + name + " -->" + after
	}
	if *update {
		if err := os.WriteFile(apiDocument, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func flagTable(t *testing.T) string {
	t.Helper()
	t.Setenv("HOME", "~")
	t.Setenv("XDG_CACHE_HOME", "")
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&serveFlags{}).register(set)
	var b strings.Builder
	b.WriteString("| flag of `aircache serve` | default | what |\n|---|---|---|\n")
	set.VisitAll(func(f *pflag.Flag) {
		value := f.DefValue
		if value != "" && value != "[]" {
			value = "`" + value + "`"
		} else {
			value = ""
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, value, cell(f.Usage))
	})
	return b.String()
}

func metricTable(t *testing.T) string {
	t.Helper()
	s := serveTiny(t, func(f *serveFlags) { f.retention = 500 })
	s.ask(s.questions[0])
	_, _, text := s.call(http.MethodGet, s.api+"/metrics", "")
	s.stop()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| metric | type | labels | what |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		f := families[name]
		labels := map[string]bool{}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				labels[l.GetName()] = true
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(slices.Sorted(maps.Keys(labels)), ", "), cell(f.GetHelp()))
	}
	return b.String()
}

// cell keeps a text within its cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "\n", " ").Replace(text)
}

// Every code that a refusal can have, and every field that a request can have, is explained.
func TestTheAPIDocumentExplainsEveryCodeAndField(t *testing.T) {
	b, err := os.ReadFile(apiDocument)
	if err != nil {
		t.Fatal(err)
	}
	codes := constants(t, "../../runtime/server/openai/errors.go", "Code")
	fields := list(t, "../../runtime/server/openai/unsupported.go", "supported")
	fields = append(fields, list(t, "../../runtime/server/openai/unsupported.go", "informative")...)
	if len(codes) < 15 || len(fields) < 15 {
		t.Fatalf("found only the codes %q and the fields %q", codes, fields)
	}
	for _, word := range append(codes, fields...) {
		if !strings.Contains(string(b), "`"+word+"`") {
			t.Errorf("docs/api.md does not explain %q", word)
		}
	}
	known := regexp.MustCompile("`--([a-z-]+)`")
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&serveFlags{}).register(set)
	for _, m := range known.FindAllStringSubmatch(string(b), -1) {
		if set.Lookup(m[1]) == nil {
			t.Errorf("docs/api.md speaks of --%s, which aircache serve has not", m[1])
		}
	}
}

// constants are the texts of a file's constants whose names begin so.
func constants(t *testing.T, file, prefix string) (texts []string) {
	t.Helper()
	visit(t, file, func(name string, value ast.Expr) {
		if literal, is := value.(*ast.BasicLit); is && literal.Kind == token.STRING && strings.HasPrefix(name, prefix) {
			texts = append(texts, unquoted(literal))
		}
	})
	return texts
}

// list is what a file's variable holds, a slice of texts.
func list(t *testing.T, file, variable string) (texts []string) {
	t.Helper()
	visit(t, file, func(name string, value ast.Expr) {
		if composite, is := value.(*ast.CompositeLit); is && name == variable {
			for _, e := range composite.Elts {
				texts = append(texts, unquoted(e.(*ast.BasicLit)))
			}
		}
	})
	return texts
}

func visit(t *testing.T, file string, each func(name string, value ast.Expr)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, is := n.(*ast.ValueSpec); is {
			for i, value := range spec.Values {
				each(spec.Names[i].Name, value)
			}
		}
		return true
	})
}

func unquoted(l *ast.BasicLit) string {
	s, _ := strconv.Unquote(l.Value)
	return s
}
