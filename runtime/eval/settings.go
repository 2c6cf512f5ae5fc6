package eval

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"aircache.dev/aircache/runtime/compress"
)

// Settings are all that the answers depend on, beside the number of samples.
type Settings struct {
	Code      string   `json:"code"`  // the commit of the program, as far as it knows
	Model     string   `json:"model"` // name and fingerprint
	Backend   string   `json:"backend"`
	Source    string   `json:"source"`
	Tasks     []string `json:"tasks"`
	Policies  []string `json:"policies"`
	Permilles []int    `json:"retentions_permille"` // descending
	Seed      uint64   `json:"seed"`
	MaxTokens int      `json:"max_tokens"`
}

// Check names the field that is outside its limits.
func (s Settings) Check() error {
	switch {
	case len(s.Tasks) == 0:
		return fmt.Errorf("tasks are missing")
	case len(s.Policies) == 0:
		return fmt.Errorf("policies are missing")
	case len(s.Permilles) == 0:
		return fmt.Errorf("retentions are missing")
	case s.MaxTokens < 1 || s.MaxTokens > 4096:
		return fmt.Errorf("max tokens is %d, it must be from 1 to 4096", s.MaxTokens)
	}
	for _, permille := range s.Permilles {
		if permille < 1 || permille > compress.Everything {
			return fmt.Errorf("retention %d permille must be from 1 to 1000", permille)
		}
	}
	return nil
}

// differs names the first field in which two settings differ, or nothing.
func (s Settings) differs(from Settings) string {
	for _, f := range []struct {
		name      string
		now, then any
	}{
		{"code", s.code(), from.code()}, {"model", s.Model, from.Model}, {"backend", s.Backend, from.Backend}, {"source", s.Source, from.Source},
		{"tasks", strings.Join(s.Tasks, ","), strings.Join(from.Tasks, ",")},
		{"policies", strings.Join(s.Policies, ","), strings.Join(from.Policies, ",")},
		{"retentions", fmt.Sprint(s.Permilles), fmt.Sprint(from.Permilles)},
		{"seed", s.Seed, from.Seed}, {"max tokens", s.MaxTokens, from.MaxTokens},
	} {
		if f.now != f.then {
			return fmt.Sprintf("%s: %v then, %v now", f.name, f.then, f.now)
		}
	}
	return ""
}

// code is what the settings tell of the program; those of before it was noted tell nothing.
func (s Settings) code() string { return cmp.Or(s.Code, "unknown") }

// FullName is the policy that keeps everything.
var FullName = compress.Full{}.Name()

// grid is every policy at every retention. At 1000 permille every policy keeps everything, bit for bit, so only the full cache is
// decoded there; and the full cache only there. It comes first, because the others are compared with it.
func (s Settings) grid(policies map[string]compress.Policy) []Setting {
	all := []Setting{{FullName, compress.Full{}, compress.Everything}}
	for _, name := range s.Policies {
		for _, permille := range s.Permilles {
			if name != FullName && permille < compress.Everything {
				all = append(all, Setting{name, policies[name], permille})
			}
		}
	}
	return all
}

// Retentions makes percentages, such as 100, 50 or 2.5, into permilles: descending, each once.
func Retentions(percents []float64) ([]int, error) {
	var permilles []int
	for _, p := range percents {
		permille := int(p*10 + 0.5)
		if permille < 1 || permille > compress.Everything {
			return nil, fmt.Errorf("retention %v %% must be from 0.1 to 100", p)
		}
		permilles = append(permilles, permille)
	}
	slices.Sort(permilles)
	slices.Reverse(permilles)
	return slices.Compact(permilles), nil
}
