// Package architecture proves that packages import only what the design allows.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "aircache.dev/aircache/"

// pkg is what `go list -json` says of one package.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// TestArrows holds every import of the project's own code against the rules below.
func TestArrows(t *testing.T) {
	packages := list(t)
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages of the module, expected at least 10", len(packages))
	}
	for _, p := range packages {
		folder := strings.TrimPrefix(p.ImportPath, module)
		for _, rule := range rules {
			if !within(folder, rule.folder) {
				continue
			}
			for _, dep := range rule.of(p) {
				if why := rule.refuses(dep); why != "" {
					t.Errorf("%s imports %s: %s", folder, strings.TrimPrefix(dep, module), why)
				}
			}
		}
	}
}

// TestRulesCanFail shows that each rule refuses what it is there to refuse.
func TestRulesCanFail(t *testing.T) {
	for folder, dep := range map[string]string{
		"runtime/server":     "k8s.io/api/core/v1",
		"cuda":               "sigs.k8s.io/controller-runtime",
		"api/v1alpha1":       "sigs.k8s.io/controller-runtime/pkg/client",
		"controllers/tuner":  module + "api/v1alpha1",
		"controllers/render": "sigs.k8s.io/controller-runtime/pkg/client",
		"runtime/compress":   "gonum.org/v1/gonum/stat",
		"runtime/control":    "github.com/go-logr/logr",
		"runtime/model":      module + "runtime/backend/cpu",
		"runtime/backend":    module + "runtime/model",
		"runtime/engine":     module + "runtime/server",
	} {
		refused := false
		for _, rule := range rules {
			refused = refused || within(folder, rule.folder) && rule.refuses(dep) != ""
		}
		if !refused {
			t.Errorf("no rule refuses that %s imports %s", folder, dep)
		}
	}
}

// A rule guards a folder: either a set of imports that it must not have, or the only ones that it may have.
type rule struct {
	folder     string
	transitive bool     // look at everything that ends up in the binary, not only at direct imports
	never      []string // prefixes
	only       []string // prefixes beside the standard library; nil: no such limit
}

var kubernetes = []string{"k8s.io/", "sigs.k8s.io/"}

var rules = []rule{
	{folder: "runtime", transitive: true, never: kubernetes},
	{folder: "cuda", transitive: true, never: kubernetes},
	{folder: "cmd/aircache", transitive: true, never: kubernetes},
	{folder: "cmd/aircache-operator", transitive: true, never: []string{"github.com/ebitengine/purego"}},

	{folder: "api", only: []string{"k8s.io/apimachinery/", "k8s.io/api/"}},
	{folder: "controllers/tuner", only: []string{}},
	{folder: "controllers/render", never: []string{"sigs.k8s.io/controller-runtime/pkg/client", "k8s.io/client-go/kubernetes"}},
	{folder: "controllers/placement", never: []string{"sigs.k8s.io/controller-runtime", "k8s.io/client-go"}},
	{folder: "controllers", never: []string{module + "runtime/engine", module + "runtime/server", module + "runtime/model", module + "runtime/backend", module + "runtime/hub", module + "runtime/plan"}},

	{folder: "runtime/compress", only: []string{}},
	{folder: "runtime/kv", only: []string{}},
	{folder: "runtime/image/raster", only: []string{}},
	{folder: "runtime/sampling", only: []string{}},
	{folder: "runtime/control", only: []string{}},
	{folder: "runtime/backend", never: []string{module + "runtime/model", module + "runtime/engine", module + "runtime/server"}},
	{folder: "runtime/model", never: []string{module + "runtime/backend/cpu", module + "runtime/engine", module + "runtime/server", module + "cuda"}},
	{folder: "runtime/engine", never: []string{module + "runtime/backend/cpu", module + "runtime/server", module + "cuda", "github.com/prometheus/"}},
	{folder: "runtime/hub", never: []string{module + "runtime/model", module + "runtime/engine", module + "runtime/server", module + "runtime/backend"}},
	{folder: "runtime/plan", never: []string{module + "runtime/engine", module + "runtime/server", module + "runtime/hub", module + "cuda"}},
	{folder: "runtime/server", never: []string{module + "runtime/backend/cpu", module + "cuda"}},
}

func (r rule) of(p pkg) []string {
	if r.transitive {
		return p.Deps
	}
	return p.Imports
}

func (r rule) refuses(dep string) string {
	for _, prefix := range r.never {
		if strings.HasPrefix(dep+"/", prefix) || strings.HasPrefix(dep, prefix) {
			return r.folder + " never imports " + prefix
		}
	}
	if r.only == nil || !strings.Contains(strings.SplitN(dep, "/", 2)[0], ".") || within(strings.TrimPrefix(dep, module), r.folder) {
		return ""
	}
	for _, prefix := range r.only {
		if strings.HasPrefix(dep+"/", prefix) {
			return ""
		}
	}
	return r.folder + " imports the standard library and " + strings.Join(r.only, ", ") + " only"
}

func within(folder, guarded string) bool {
	return folder == guarded || strings.HasPrefix(folder, guarded+"/")
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Standard,Imports,Deps", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("reading the package list: %v", err)
		}
		packages = append(packages, p)
	}
}
