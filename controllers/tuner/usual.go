package tuner

import "math"

// Usual is what a load usually needs: users come in at random and with pictures of all sizes, so the fullest pod is now and then fuller
// than its objective at any retention worth having. A value that followed each such moment would swing for ever.
type Usual struct {
	Mean, Variance float64 // of F, what the load of the fullest pod needs of a pool at full retention
	Seconds        float64 // that were watched, at most usualSeconds
	Rate           float64 // of tokens a second and pod that it belongs to
}

const (
	// usualSeconds is how far back it looks.
	usualSeconds = 900
	// enoughSeconds of one load say what is usual.
	enoughSeconds = 300
	// usualDeviations: one window in eighteen is higher, were the loads normal.
	usualDeviations = 1.6
	// outlierDeviations: no window of the same load is higher.
	outlierDeviations = 4
	// rateSeconds smooths the offered rate: 300 requests of a pool with one a second, a noise of 6 %.
	rateSeconds = 300
	// otherLoad: a rate that differs by so much is another load, of which nothing is known yet.
	otherLoad = 1.3
)

// offered is s with the smoothed rate of the window.
func (s State) offered(m Sample) State {
	if s.Rate == 0 {
		s.Rate = min(m.prefillRate(), maxNumber)
	}
	s.Rate = min(s.Rate+(1-math.Exp(-m.elapsed()/rateSeconds))*(m.prefillRate()-s.Rate), maxNumber)
	return s
}

// carried is F of what runs in the fullest pod; who waits says how long a queue is, not what the load needs.
func (in *input) carried() float64 {
	return min(in.sample.Hottest.Usage/in.model.size(in.model.resident), maxDemand/0.001)
}

// with is u with another window's F.
func (u Usual) with(full, rate, seconds float64) Usual {
	if u.Seconds == 0 || rate > otherLoad*u.Rate || rate < u.Rate/otherLoad {
		return Usual{Mean: full, Seconds: max(seconds, 1e-3), Rate: rate}
	}
	u.Seconds = min(u.Seconds+seconds, usualSeconds)
	weight := min(seconds/u.Seconds, 1)
	d := full - u.Mean
	u.Mean += weight * d
	u.Variance = max((1-weight)*(u.Variance+weight*d*d), 0)
	return u
}

func (u Usual) isKnown() bool { return u.Seconds >= enoughSeconds }

func (u Usual) deviation() float64 { return math.Sqrt(u.Variance) }

// high is what the load needs in all but one window of eighteen.
//
// Worked example: 0.9 +- 0.3 of a pool: 0.9 + 1.6*0.3 = 1.38, so with a text share of 0.1 and an objective of 0.85 the retention for it
// is (0.85/1.38 - 0.1) / 0.9 = 0.573.
func (u Usual) high() float64 { return u.Mean + usualDeviations*u.deviation() }

// isOutlier reports whether a window's F is more than this load ever needs. F is among the windows of u already: of a load that never
// swung it is sqrt((1-w)/w) deviations away, for its weight w of at most interval/enoughSeconds: 4.4 at 15 s.
func (u Usual) isOutlier(full float64) bool { return full > u.Mean+outlierDeviations*u.deviation() }

// isUsual reports whether pressure is a moment that the value in force was chosen to bear: the load is known and reaches it now and then,
// the value is no higher than it asks for, and nobody waits for room.
func (in *input) isUsual() bool {
	u, k := in.state.Usual, in.model
	return u.isKnown() && !u.isOutlier(in.carried()) && !in.sample.Hottest.Blocked && k.demand < 1 && in.sample.Hottest.Waiting <= manyWaiting*in.sample.Hottest.Running &&
		k.predictedOf(u.high(), in.state.TargetPermille) <= in.target.high()
}
