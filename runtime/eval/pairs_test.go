package eval

import "testing"

func TestPairedMean(t *testing.T) {
	for _, c := range []struct {
		what             string
		won, lost, drawn int
		value, low, high float64
	}{
		{"three won, one lost", 3, 1, 6, .2, -.1862, .5195},
		{"no difference is no certainty", 0, 0, 10, 0, -.1633, .1633},
		{"all won", 10, 0, 0, 1, .5666, 1},
		{"nothing asked", 0, 0, 0, 0, -.98, .98},
	} {
		differences := make([]float64, c.won+c.lost+c.drawn)
		for i := range c.won {
			differences[i] = 1
		}
		for i := range c.lost {
			differences[c.won+i] = -1
		}
		if got := pairedMean(differences); !near(got.Value, c.value) || !near(got.Low, c.low) || !near(got.High, c.high) {
			t.Errorf("%s: %+v, want %v (%v..%v)", c.what, got, c.value, c.low, c.high)
		}
	}
}

func TestTheFirstPolicyIsComparedWithTheOthers(t *testing.T) {
	trial := func(policy string, permille int, score float64) Trial {
		return Trial{Policy: policy, Permille: permille, Score: score}
	}
	records := []Record{
		{Task: "a", Answers: []Trial{trial(FullName, 1000, 1), trial("AirCache", 100, 1), trial("random", 100, 0)}},
		{Task: "b", Answers: []Trial{trial(FullName, 1000, 1), trial("AirCache", 100, 0), trial("random", 100, 0)}},
	}
	got := Settings{Policies: []string{"AirCache", FullName, "random"}, Permilles: []int{1000, 100}}.pairs(records)
	if len(got) != 2 || got[0].Against != FullName || got[0].Value != -.5 || got[1].Against != "random" || got[1].Value != .5 || got[1].Samples != 2 {
		t.Errorf("%+v", got)
	}
}
