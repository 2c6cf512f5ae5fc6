package tuner

import "math"

// StepModel is what the pool's own decode steps taught about their time:
//
//	step seconds = Base + PerThousandTokens * (KV tokens read)/1000 + PerSequence * (sequences advanced)
//
// Base is the reading of the weights and the launches, PerThousandTokens is 1/bandwidth of the cache, PerSequence the work that each
// sequence adds. It is fitted by recursive least squares over the windows' mean steps, with three guards: a window that surprises counts
// for no more than three times the noise (a stall is no law), what was learned fades only when a window tells something new (a constant
// load would else forget two of three numbers), and no number is negative.
type StepModel struct {
	Windows float64 // it was learned from; 0: nothing is known
	Theta   [3]float64
	// Cov is the upper triangle of the parameters' covariance over the noise's variance: 00 01 02 11 12 22.
	Cov   [6]float64
	Noise float64 // variance of a window's mean step around the law, s^2
}

const (
	minSteps       = 5    // of a window; fewer say little about the mean step
	minStepWindows = 3    // of a model that predicts
	memorySeconds  = 1800 // after so long a window that told something counts for 1/e
	maxSurprise    = 3    // standard deviations
	priorNoise     = 0.1  // of the first mean step, one standard deviation
)

// StepSums are sums over the decode steps of a window.
type StepSums struct {
	Count    float64
	Seconds  float64
	KVTokens float64 // that the steps read, a mean over layers
	Batch    float64 // sequences that the steps advanced
}

// mean is the mean step: its seconds, thousands of KV tokens and sequences.
func (s StepSums) mean() (seconds float64, x [3]float64, ok bool) {
	if s.Count < minSteps || s.Seconds <= 0 || s.Batch <= 0 {
		return 0, x, false
	}
	return s.Seconds / s.Count, [3]float64{1, s.KVTokens / s.Count / 1000, s.Batch / s.Count}, true
}

// learned is the model with one more window.
func (k StepModel) learned(s StepSums, windowSeconds float64) StepModel {
	y, x, ok := s.mean()
	if !ok || !(windowSeconds > 0) {
		return k
	}
	if k.Windows == 0 || !k.isSound() {
		return firstSteps(y, x)
	}
	px := k.times(x)
	told := dot(px, x)
	forget := 1.0
	if told > informative {
		forget = math.Exp(-min(windowSeconds, memorySeconds) / memorySeconds)
	}
	deviation := math.Sqrt(k.Noise * (1 + told))
	surprise := clamp(y-dot(k.Theta, x), -maxSurprise*deviation, maxSurprise*deviation)
	gain := 1 / (forget + told)
	for i := range k.Theta {
		k.Theta[i] = max(k.Theta[i]+px[i]*gain*surprise, 0)
	}
	for i, at := range upper {
		k.Cov[i] = (k.Cov[i] - px[at[0]]*px[at[1]]*gain) / forget
	}
	// The noise is what the law does not explain: it follows a tenth of each window.
	k.Noise += 0.1 * (surprise*surprise/(1+told) - k.Noise)
	k.Noise = max(k.Noise, leastNoise*leastNoise*y*y)
	k.Windows = min(k.Windows+1, maxNumber)
	if !k.isSound() {
		return firstSteps(y, x)
	}
	return k
}

const (
	informative = 0.01  // of the noise's variance: less is nothing new
	leastNoise  = 0.005 // of the step: clocks and rounding
)

// firstSteps splits the first step in three equal parts and trusts none of them: each may be off by the whole step.
//
// Worked example: 30 ms, 60 thousand tokens, 20 sequences: 10 ms + 0.167 ms a thousand + 0.5 ms a sequence; the predicted step at
// half of the tokens is 25 ms with a deviation of 15 ms and more, so it decides nothing.
func firstSteps(y float64, x [3]float64) StepModel {
	noise := priorNoise * y
	k := StepModel{Windows: 1, Noise: noise * noise}
	for i, at := range []int{0, 3, 5} {
		scale := y / max(x[i], 1e-3)
		k.Theta[i] = scale / 3
		k.Cov[at] = scale * scale / k.Noise
	}
	return k
}

// upper lists the places of Cov.
var upper = [6][2]int{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}}

// times is Cov * x.
func (k StepModel) times(x [3]float64) [3]float64 {
	c := k.Cov
	return [3]float64{
		c[0]*x[0] + c[1]*x[1] + c[2]*x[2],
		c[1]*x[0] + c[3]*x[1] + c[4]*x[2],
		c[2]*x[0] + c[4]*x[1] + c[5]*x[2],
	}
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// difference is how far the law moves when x changes by d, and one standard deviation of that.
func (k StepModel) difference(d [3]float64) (seconds, deviation float64) {
	return dot(k.Theta, d), math.Sqrt(max(k.Noise*dot(k.times(d), d), 0))
}

// isKnown reports whether the model has seen enough to predict.
func (k StepModel) isKnown() bool { return k.Windows >= minStepWindows }

func (k StepModel) isSound() bool {
	for _, n := range append(k.Theta[:], k.Windows, k.Noise, k.Cov[0], k.Cov[3], k.Cov[5]) {
		if !(n >= 0) || n > maxNumber {
			return false
		}
	}
	for _, n := range k.Cov {
		if !(math.Abs(n) <= maxCovariance) {
			return false
		}
	}
	return true
}

// maxCovariance ends a model whose numbers run away; it starts anew then.
const maxCovariance = 1e30
