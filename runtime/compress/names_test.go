package compress

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryPolicyHasAName(t *testing.T) {
	for _, name := range Names() {
		for _, spelled := range []string{name, strings.ToLower(name)} {
			if p, err := ByName(spelled, Defaults()); err != nil || p.Name() != name {
				t.Errorf("%s: %v, %v", spelled, p, err)
			}
		}
	}
	if names := Names(); len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("a name stands for two policies: %v", names)
	}
	if _, err := ByName("Oracle", Defaults()); err == nil || !strings.Contains(err.Error(), "AirCache") {
		t.Errorf("an unknown name: %v", err)
	}
	wild := Defaults()
	wild.Alpha = 2
	if _, err := ByName("AirCache", wild); err == nil || !strings.Contains(err.Error(), "alpha") {
		t.Errorf("wild options: %v", err)
	}
}
