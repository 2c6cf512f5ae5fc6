package eval

import (
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/compress"
)

func TestPoliciesAreNamedWithTheirOptions(t *testing.T) {
	names, policies, err := ParsePolicies([]string{"aircache", "AirCache+alpha=0.7+layerBudget=Uniform", "full", "AirCache"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"AirCache", "AirCache+alpha=0.7+layerBudget=Uniform", FullName}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	got := policies[names[1]].(compress.AirCache).Options
	if want := (compress.Defaults()); got.Alpha != .7 || got.LayerBudget != compress.Uniform || got.EliteMax != want.EliteMax {
		t.Errorf("%+v", got)
	}
	if all, _, err := ParsePolicies([]string{"all"}); err != nil || !slices.Equal(all, compress.Names()) {
		t.Errorf("all: %v, %v", all, err)
	}
}

func TestAWrongPolicyIsNamed(t *testing.T) {
	if _, _, err := ParsePolicies([]string{"Full", "poetry"}); err == nil || !strings.Contains(err.Error(), `"poetry"`) {
		t.Errorf("got %v", err)
	}
}
