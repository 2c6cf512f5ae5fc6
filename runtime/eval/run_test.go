package eval

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/compress"
)

func someSettings() Settings {
	return Settings{Model: "parrot", Source: "quiz", Tasks: []string{"long", "short"}, Policies: []string{FullName, "AirCache"},
		Permilles: []int{1000, 100}, Seed: 1, MaxTokens: 32}
}

func jobWith(p *parrot, samples, workers int) Job {
	return Job{Settings: someSettings(), Policies: map[string]compress.Policy{"AirCache": compress.AirCache{Options: compress.Defaults()}},
		Source: quiz{[]string{"long", "short"}}, Reader: letters{}, Samples: samples, Workers: workers,
		Open: func() (Subject, error) { return p, nil }}
}

func openJournal(t *testing.T, name string) *Journal {
	t.Helper()
	j, err := OpenJournal(name, someSettings())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func reportOf(j *Journal, n int) Report {
	s := someSettings()
	return Summarise(s, j.Records(s.Tasks, n))
}

func TestARunScoresEverySample(t *testing.T) {
	j := openJournal(t, filepath.Join(t.TempDir(), "j"))
	if err := Run(t.Context(), jobWith(&parrot{}, 4, 3), j); err != nil {
		t.Fatal(err)
	}
	report := reportOf(j, 4)
	if report.Samples != 6 { // "short" has two questions
		t.Errorf("%d samples, expected 6", report.Samples)
	}
	for i, want := range []struct {
		task     string
		policy   string
		permille int
		samples  int
		score    float64
	}{
		{"long", FullName, 1000, 4, 1}, {"long", "AirCache", 100, 4, .5}, {"short", FullName, 1000, 2, 1}, {"short", "AirCache", 100, 2, .5},
		{"all", FullName, 1000, 6, 1}, {"all", "AirCache", 100, 6, .5},
	} {
		got := report.Rows[i]
		if got.Task != want.task || got.Policy != want.policy || got.Permille != want.permille || got.Samples != want.samples || got.Score.Value != want.score {
			t.Errorf("row %d: %+v, want %+v", i, got, want)
		}
		if got.KVBytes != int64(want.permille) || got.PrefillSeconds != 2 || got.Tokens == nil || got.Score.Low > got.Score.Value {
			t.Errorf("row %d: %+v", i, got)
		}
	}
	if got := report.Rows[1].Tokens.Value; !near(got, 1-0.5/6) { // two of four answers lack one of six tokens
		t.Errorf("token accuracy %v", got)
	}
}

func TestARunThatBrokeGoesOnWhereItWas(t *testing.T) {
	name := filepath.Join(t.TempDir(), "j")
	first := openJournal(t, name)
	if err := Run(t.Context(), jobWith(&parrot{failAt: 3}, 4, 1), first); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if got := reportOf(first, 4).Samples; got != 2 {
		t.Fatalf("%d samples are kept, expected 2", got)
	}
	cut(t, name)
	again, second := &parrot{}, openJournal(t, name)
	if err := Run(t.Context(), jobWith(again, 4, 1), second); err != nil {
		t.Fatal(err)
	}
	if again.asked != 5 { // one of the two was cut off
		t.Errorf("%d samples ran again, expected 5", again.asked)
	}
	whole := openJournal(t, filepath.Join(t.TempDir(), "j"))
	if err := Run(t.Context(), jobWith(&parrot{}, 4, 2), whole); err != nil {
		t.Fatal(err)
	}
	if a, b := reportOf(second, 4), reportOf(whole, 4); !reflect.DeepEqual(a, b) {
		t.Errorf("in two parts\n%+v\nin one\n%+v", a, b)
	}
}

// cut leaves half of the last line, as a process does that was killed.
func cut(t *testing.T, name string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content[:len(content)-20], 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMoreSamplesAddToTheSameJournal(t *testing.T) {
	name := filepath.Join(t.TempDir(), "j")
	if err := Run(t.Context(), jobWith(&parrot{}, 1, 1), openJournal(t, name)); err != nil {
		t.Fatal(err)
	}
	more := &parrot{}
	if err := Run(t.Context(), jobWith(more, 3, 1), openJournal(t, name)); err != nil {
		t.Fatal(err)
	}
	if more.asked != 3 { // two more of long, one of short
		t.Errorf("%d samples ran, expected 3", more.asked)
	}
}

func TestAJournalOfOtherSettingsIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "j")
	openJournal(t, name)
	for field, change := range map[string]func(*Settings){
		"seed: 1 then, 2 now":                  func(s *Settings) { s.Seed = 2 },
		"retentions: [1000 100] then":          func(s *Settings) { s.Permilles = []int{1000, 50} },
		"policies: Full,AirCache then":         func(s *Settings) { s.Policies = []string{FullName} },
		"tasks: long,short then, long now":     func(s *Settings) { s.Tasks = []string{"long"} },
		"code: unknown then, 0123abcd now":     func(s *Settings) { s.Code = "0123abcd" },
		"model: parrot then, parrot@other now": func(s *Settings) { s.Model = "parrot@other" },
	} {
		other := someSettings()
		change(&other)
		if _, err := OpenJournal(name, other); err == nil || !strings.Contains(err.Error(), field) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, field)
		}
	}
}

func TestAStoppedRunKeepsWhatIsFinished(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	j := openJournal(t, filepath.Join(t.TempDir(), "j"))
	if err := Run(ctx, jobWith(&parrot{stop: stop}, 100, 1), j); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := reportOf(j, 100).Samples; got != 2 {
		t.Errorf("%d samples are kept, expected 2", got)
	}
}

func TestAModelThatDoesNotOpenEndsTheRun(t *testing.T) {
	job := jobWith(nil, 4, 2)
	job.Open = func() (Subject, error) { return nil, errBroken }
	if err := Run(t.Context(), job, openJournal(t, filepath.Join(t.TempDir(), "j"))); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
