package policy

import (
	"aircache.dev/aircache/controllers/tuner"
	"aircache.dev/aircache/hack/tunersim/plant"
)

// broken reports whether an objective is broken in this window, and usable whether there was one.
func broken(t tuner.Target, m tuner.Sample) (broken, usable bool) {
	if m.Expected == 0 || m.Scraped < m.Expected || m.WindowSeconds <= 0 {
		return false, false
	}
	kv := m.Hottest.Usage
	if m.Hottest.Blocked {
		kv = 1
	}
	over := kv >= float64(t.KVHighPermille)/1000
	late := m.TTFT.Count >= 5 && m.TTFT.P95Seconds > t.TTFTP95Seconds || m.ITL.Count >= 5 && m.ITL.P95Seconds > t.ITLP95Seconds
	poor := m.Agreement.Count >= 20 && m.Agreement.Value < float64(t.MinAgreementPermille)/1000
	return over || late || poor, true
}

// aimd halves the retention when an objective breaks, and adds a point each window without.
type aimd struct {
	target tuner.Target
	now    int32
	quiet  float64
}

const aimdStep = 10

func (p *aimd) Decide(_ *plant.Fleet, _ int, m tuner.Sample) Choice {
	bad, usable := broken(p.target, m)
	p.quiet += p.target.IntervalSeconds
	switch {
	case !usable:
	case bad && p.quiet >= aimdPause:
		p.now, p.quiet = max(p.now/2, p.target.FloorPermille), 0
	case !bad:
		p.now = min(p.now+aimdStep, p.target.MaxPermille)
	}
	return Choice{Permille: p.now}
}

// aimdPause lets a cut show before the next.
const aimdPause = 15

// hillClimbing moves the retention one way as long as the last window was not worse, and turns round when it was. A window is worth its
// retention, and nothing of it while an objective is broken.
type hillClimbing struct {
	target tuner.Target
	now    int32
	step   int32
	worth  float64
	waited float64
}

const (
	climbStep  = 50
	climbPause = 30
)

func (p *hillClimbing) Decide(_ *plant.Fleet, _ int, m tuner.Sample) Choice {
	bad, usable := broken(p.target, m)
	if p.waited += p.target.IntervalSeconds; !usable || p.waited < climbPause {
		return Choice{Permille: p.now}
	}
	p.waited = 0
	worth := float64(p.now) / 1000
	if bad {
		worth -= 1
	}
	if worth < p.worth {
		p.step = -p.step
	}
	p.worth = worth
	p.now = min(max(p.now+p.step, p.target.FloorPermille), p.target.MaxPermille)
	return Choice{Permille: p.now}
}
