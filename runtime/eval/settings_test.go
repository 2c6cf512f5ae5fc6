package eval

import (
	"slices"
	"strings"
	"testing"
)

func TestRetentionsArePermillesInDescendingOrder(t *testing.T) {
	got, err := Retentions([]float64{1, 100, 2.5, 10, 10, 0.1})
	if err != nil || !slices.Equal(got, []int{1000, 100, 25, 10, 1}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, wrong := range []float64{0, 101, -1} {
		if _, err := Retentions([]float64{wrong}); err == nil {
			t.Errorf("%v %% was taken", wrong)
		}
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"tasks":      func(s *Settings) { s.Tasks = nil },
		"policies":   func(s *Settings) { s.Policies = nil },
		"retention":  func(s *Settings) { s.Permilles = []int{1001} },
		"max tokens": func(s *Settings) { s.MaxTokens = 0 },
	} {
		s := someSettings()
		change(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestEverySettingIsDecodedOnce(t *testing.T) {
	var names []string
	for _, c := range someSettings().grid(nil) {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, []string{FullName, "AirCache"}) {
		t.Errorf("%v", names)
	}
}
