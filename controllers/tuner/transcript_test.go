package tuner

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden transcripts")

// drive is a pool under the tuner, and the log that a person reviews.
type drive struct {
	t      *testing.T
	target Target
	state  State
	plant  *plant
	watch  watcher
	spoil  func(*Sample) // nil: honest metrics
	log    strings.Builder

	changes []Decision
}

func demoTarget() Target {
	return Target{
		Mode: Auto, FloorPermille: 100, MaxPermille: 1000, MaxStepPermille: 200, KVHighPermille: 850,
		IntervalSeconds: 5, StabilizationSeconds: 20,
	}
}

// spend runs the plant under a load, deciding every interval.
func (d *drive) spend(seconds, rate float64) {
	for end := d.plant.now + seconds; d.plant.now < end-plantStep/2; {
		d.plant.run(d.target.IntervalSeconds, rate)
		m := d.watch.sample(d.plant)
		if d.spoil != nil {
			d.spoil(&m)
		}
		var decision Decision
		d.state, decision = Next(d.target, d.state, m)
		d.plant.retention = d.state.TargetPermille
		d.note(rate, m, decision)
	}
}

func (d *drive) note(rate float64, m Sample, decision Decision) {
	if decision.Action != Hold {
		d.changes = append(d.changes, decision)
	}
	agreement, quality := "", ""
	if d.target.MinAgreementPermille > 0 {
		quality = ", " + decision.Quality.Reason
		agreement = fmt.Sprintf(" agree %.3f/%-3.0f", d.state.AgreedShare, d.state.ComparedRequests)
	}
	fmt.Fprintf(&d.log, "%5.0fs load %4.1f/s run %2.0f wait %3.0f kv %.2f peak %.2f%s  r%d %-5s %s [%s, %s%s]\n",
		d.plant.now, rate, m.Running, m.Waiting, m.Hottest.Usage, m.Hottest.Peak, agreement,
		d.state.Revision, decision.Action, decision.Message, decision.Tuning().Reason, decision.Objectives.Reason, quality)
}

func (d *drive) say(text string) { fmt.Fprintf(&d.log, "-- %s\n", text) }

// restart forgets all but what status keeps.
func (d *drive) restart() {
	d.state = Seed(d.state.Applied(), d.state.LastGoodPermille)
	d.watch = watcher{}
}

func TestTranscripts(t *testing.T) {
	for name, story := range map[string]func(*drive){
		"load-up-and-down": func(d *drive) {
			d.say("a light load")
			d.spend(30, 4)
			d.say("a burst of nearly three times as much")
			d.spend(60, 11)
			d.say("the load ends")
			d.spend(300, 0)
		},
		"stale-metrics": func(d *drive) {
			d.spend(20, 11)
			d.say("the metrics stop")
			d.spoil = func(m *Sample) { m.Scraped = 0 }
			d.spend(20, 11)
			d.say("they come back old")
			d.spoil = func(m *Sample) { m.AgeSeconds = 30 }
			d.spend(10, 11)
			d.say("they come back from half of the pods")
			d.spoil = func(m *Sample) { m.Expected = 2 }
			d.spend(10, 11)
			d.say("all is well again")
			d.spoil = nil
			d.spend(20, 11)
		},
		"operator-restart": func(d *drive) {
			d.spend(40, 11)
			d.say("the operator restarts from status")
			d.restart()
			d.spend(30, 11)
			d.say("it restarts from a status that is two revisions old; the pods know better")
			lost := d.state.Applied()
			d.state = Seed(Applied{Epoch: lost.Epoch, Revision: lost.Revision - 2, TargetPermille: 1000}, 0)
			d.spoil = func(m *Sample) { m.Applied = lost }
			d.spend(10, 11)
		},
		"quality-guard": func(d *drive) {
			d.say("recall 70 % is asked, which this plant has from 255 permille on")
			d.target.MinRecallPermille = 700
			d.spend(60, 25)
			d.say("other pictures: their recall is worse")
			d.plant.recallAt1Percen = 0.15
			d.spend(20, 25)
		},
		"agreement-guard": func(d *drive) {
			d.say("95 % of the next tokens must agree, which they do from 668 permille on; one of 10 requests is compared")
			d.target.IntervalSeconds, d.target.MinAgreementPermille = 15, 950
			d.plant.disagreement, d.plant.comparedEvery = 0.5, 10
			d.spend(180, 14)
			d.say("easier pictures: the guard stands for ten minutes and gives way slowly")
			d.plant.disagreement, d.target.IntervalSeconds = 0.2, 120
			d.spend(1440, 14)
		},
		"violation-full-cache": func(d *drive) {
			d.say("95 % of the next tokens must agree, which they do from 668 permille on; a violation keeps everything")
			d.target.IntervalSeconds, d.target.MinAgreementPermille, d.target.OnViolation = 15, 950, FullCache
			d.plant.disagreement, d.plant.comparedEvery = 0.5, 10
			d.spend(180, 14)
			d.say("ten minutes later the load may lower it again, no lower than the guard allows")
			d.target.IntervalSeconds = 60
			d.spend(720, 14)
		},
		"violation-hold": func(d *drive) {
			d.say("the same, and a violation holds: somebody is to look at it")
			d.target.IntervalSeconds, d.target.MinAgreementPermille, d.target.OnViolation = 15, 950, HoldRetention
			d.plant.disagreement, d.plant.comparedEvery = 0.5, 10
			d.spend(240, 14)
			d.say("somebody does, and asks for a raise")
			d.target.OnViolation = RaiseRetention
			d.spend(30, 14)
		},
		"recommend-only": func(d *drive) {
			d.target.Mode = Recommend
			d.spend(40, 11)
		},
		"text-only-load": func(d *drive) {
			d.plant.text, d.plant.visual = 660, 5
			d.spend(40, 12)
		},
		"queue-without-kv-pressure": func(d *drive) {
			d.say("a pod that prefills one prompt in a tenth of a second cannot follow 11/s, with whatever retention")
			d.plant.prefills, d.plant.answer = 1, 20
			d.spend(40, 11)
		},
		"spec-edits": func(d *drive) {
			d.spend(20, 11)
			d.say("the floor is raised to 90 %")
			d.target.FloorPermille = 900
			d.spend(10, 11)
			d.say("the value is fixed at 95 %")
			d.target.Mode, d.target.StartPermille = Fixed, 950
			d.spend(10, 11)
			d.say("and tuned again from 10 % on")
			d.target = demoTarget()
			d.spend(10, 11)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &drive{t: t, target: demoTarget(), plant: newPlant()}
			story(d)
			compareGolden(t, name, d.log.String())
		})
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./controllers/tuner -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("the decisions differ from %s (go test ./controllers/tuner -update, then review):\n%s", file, got)
	}
}
