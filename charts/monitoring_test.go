package charts

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	"sigs.k8s.io/yaml"
)

// ofLibraries are metrics that controller-runtime exports, not this repository's code.
var ofLibraries = []string{"leader_election_master_status", "controller_runtime_reconcile_total", "controller_runtime_reconcile_errors_total"}

// rules is a Prometheus rule file, as far as alerts need one.
type rules struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []struct {
			Alert       string            `json:"alert"`
			Expr        string            `json:"expr"`
			For         string            `json:"for"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"rules"`
	} `json:"groups"`
}

func TestAlertsAreWellFormedAndAskForMetricsThatExist(t *testing.T) {
	var file rules
	if err := yaml.UnmarshalStrict(read(t, "aircache-operator/alerts/rules.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	exported, names := metricNames(t), map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if names[rule.Alert] || !regexp.MustCompile(`^AirCache[A-Za-z]+$`).MatchString(rule.Alert) {
				t.Errorf("alert %q is no name of its own", rule.Alert)
			}
			names[rule.Alert] = true
			if _, err := time.ParseDuration(rule.For); err != nil {
				t.Errorf("%s waits for %q: %v", rule.Alert, rule.For, err)
			}
			if !slices.Contains([]string{"warning", "critical"}, rule.Labels["severity"]) || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s has severity %q, summary %q, description %q", rule.Alert, rule.Labels["severity"], rule.Annotations["summary"], rule.Annotations["description"])
			}
			asksForMetricsThatExist(t, rule.Alert, rule.Expr, exported)
		}
	}
	if len(names) < 5 {
		t.Errorf("found %d alerts", len(names))
	}
}

func TestTheDashboardAsksForMetricsThatExist(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(read(t, "aircache-operator/dashboards/aircache.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	exported := metricNames(t)
	for _, panel := range dashboard.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			asksForMetricsThatExist(t, panel.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"), exported)
		}
	}
	if len(dashboard.Panels) < 10 {
		t.Errorf("found %d panels", len(dashboard.Panels))
	}
}

func TestAQueryForAMetricThatDoesNotExistIsFound(t *testing.T) {
	if _, unknown := unknownMetrics(t, `sum(rate(aircache_nothing_total[1m])) / vllm:num_requests_running`, metricNames(t)); !slices.Equal(unknown, []string{"aircache_nothing_total"}) {
		t.Errorf("found %q", unknown)
	}
}

func asksForMetricsThatExist(t *testing.T, where, expr string, exported map[string]bool) {
	t.Helper()
	asked, unknown := unknownMetrics(t, expr, exported)
	if asked == 0 {
		t.Errorf("%s: %s asks for no metric", where, expr)
	}
	for _, name := range unknown {
		t.Errorf("%s: nothing exports %s", where, name)
	}
}

// unknownMetrics parses a query and returns how many metrics it asks for, and those that nothing exports.
func unknownMetrics(t *testing.T, expr string, exported map[string]bool) (asked int, unknown []string) {
	t.Helper()
	query, err := metricsql.Parse(expr)
	if err != nil {
		t.Errorf("%s: %v", expr, err)
		return 0, nil
	}
	metricsql.VisitAll(query, func(e metricsql.Expr) {
		m, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		for _, filters := range m.LabelFilterss {
			for _, f := range filters {
				if f.Label != "__name__" {
					continue
				}
				asked++
				if !isExported(f.Value, exported) {
					unknown = append(unknown, f.Value)
				}
			}
		}
	})
	return asked, unknown
}

// isExported takes a histogram's series for the histogram.
func isExported(name string, exported map[string]bool) bool {
	if exported[name] || slices.Contains(ofLibraries, name) {
		return true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(name, suffix); cut && exported[base] {
			return true
		}
	}
	return false
}

var aMetric = regexp.MustCompile(`^(vllm:|aircache_)[a-z0-9_]+$`)

// metricNames are all metrics that the runtime's and the operator's code names in a literal.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, folder := range []string{"../runtime/server", "../controllers/tuning", "../controllers/deployment"} {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil && aMetric.MatchString(text) {
						names[text] = true
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(names) < 40 {
		t.Fatalf("found %d metrics in the code", len(names))
	}
	return names
}
