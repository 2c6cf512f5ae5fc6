package tuner

import "math"

// StepModel is what the pool's own decode steps taught about their time:
//
//	step seconds = Theta[0] + Theta[1] * (KV tokens read)/1000 + Theta[2] * (sequences advanced)
//
// Theta[0] is the reading of the weights and the launches, Theta[1] is 1/bandwidth of the cache, Theta[2] the work that each sequence
// adds. It is fitted by least squares, recursively over the windows' mean steps, with three guards: a window that surprises counts for no
// more than three times the noise (a stall is no law), what was learned fades only when a window tells something new (a constant load
// would else forget two of the three numbers), and no number is negative.
type StepModel struct {
	Windows float64 // it was learned from; 0: nothing is known
	Theta   [3]float64
	Noise   float64 // variance of a window's mean step around the law, s^2

	Moments [6]float64 // faded sums of x*x: 00 01 02 11 12 22, the first guess included
	Sums    [3]float64 // and of x*y
}

const (
	minSteps       = 5     // of a window; fewer say little about the mean step
	minStepWindows = 3     // of a model that predicts
	memorySeconds  = 1800  // after so long a window counts for 1/e, where newer ones tell the same
	maxSurprise    = 3     // standard deviations
	firstNoise     = 0.1   // of the first mean step, one standard deviation
	leastNoise     = 0.005 // of the step: clocks and rounding
	guessWeight    = 0.01  // of the first guess, in windows
)

// StepSums are sums over the decode steps of a window.
type StepSums struct {
	Count    float64
	Seconds  float64
	KVTokens float64 // that the steps read, a mean over layers
	Batch    float64 // sequences that the steps advanced
}

// mean is the mean step: its seconds, and x: 1, thousands of KV tokens, sequences.
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
	if k.Windows == 0 {
		return firstSteps(y, x)
	}
	told := k.spread(x)
	deviation := math.Sqrt(k.Noise * (1 + told))
	surprise := clamp(y-dot(k.Theta, x), -maxSurprise*deviation, maxSurprise*deviation)
	k = k.faded(x, 1-math.Exp(-min(windowSeconds, memorySeconds)/memorySeconds))
	for i, at := range upper {
		k.Moments[i] += x[at[0]] * x[at[1]]
	}
	for i := range k.Sums {
		k.Sums[i] += x[i] * (dot(k.Theta, x) + surprise)
	}
	// The noise is what the law does not explain: it follows a tenth of each window.
	k.Noise += 0.1 * (surprise*surprise/(1+told) - k.Noise)
	k.Noise = max(k.Noise, square(leastNoise*y))
	k.Windows++
	k.Theta, ok = k.solved()
	if !ok || !k.isSound() {
		return firstSteps(y, x)
	}
	return k
}

// faded forgets a part of what is known in the direction of x, which this window tells anew, and nothing else (directional forgetting):
// Moments - part * (Moments*x)(Moments*x)'/(x'*Moments*x), with sums that keep Theta.
func (k StepModel) faded(x [3]float64, part float64) StepModel {
	mx := k.times(x)
	known := dot(mx, x)
	if known <= 0 {
		return k
	}
	for i, at := range upper {
		k.Moments[i] -= part * mx[at[0]] * mx[at[1]] / known
	}
	k.Sums = k.times(k.Theta)
	return k
}

// times is Moments * v.
func (k StepModel) times(v [3]float64) [3]float64 {
	m := k.Moments
	return [3]float64{
		m[0]*v[0] + m[1]*v[1] + m[2]*v[2],
		m[1]*v[0] + m[3]*v[1] + m[4]*v[2],
		m[2]*v[0] + m[4]*v[1] + m[5]*v[2],
	}
}

// firstSteps splits the first step in three equal parts and trusts none of them: each may be off by the whole step.
//
// Worked example: 30 ms, 60 thousand tokens, 20 sequences: 10 ms + 0.167 ms a thousand + 0.5 ms a sequence; the predicted step at
// half of the tokens is 25 ms with a deviation of 15 ms, so it decides nothing.
func firstSteps(y float64, x [3]float64) StepModel {
	k := StepModel{Windows: 1, Noise: square(firstNoise * y)}
	for i := range x {
		x[i] = max(x[i], 1e-3)
		k.Theta[i] = y / x[i] / 3
	}
	return k.guessing(x, guessWeight)
}

// guessing starts the sums from Theta, each number on its own, as if so many windows of that x had said so.
func (k StepModel) guessing(x [3]float64, windows float64) StepModel {
	k.Moments, k.Sums = [6]float64{}, [3]float64{}
	for i, at := range diagonal {
		k.Moments[at] = windows * square(x[i])
		k.Sums[i] = k.Moments[at] * k.Theta[i]
	}
	return k
}

var (
	upper    = [6][2]int{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}} // the places of Moments
	diagonal = [3]int{0, 3, 5}
)

// solved is Theta from the sums. A number that comes out negative is taken as zero, and the others without it.
func (k StepModel) solved() (theta [3]float64, ok bool) {
	without := [3]bool{}
	for range 3 {
		if theta, ok = k.solve(k.Sums, without); !ok {
			return theta, false
		}
		worst := -1
		for i := range theta {
			if theta[i] < 0 && (worst < 0 || theta[i] < theta[worst]) {
				worst = i
			}
		}
		if worst < 0 {
			return theta, true
		}
		without[worst] = true
	}
	return [3]float64{}, true
}

// solve is v in Moments * v = b by Cholesky; places that are left out are zero.
func (k StepModel) solve(b [3]float64, without [3]bool) (v [3]float64, ok bool) {
	m := [3][3]float64{}
	for i, at := range upper {
		m[at[0]][at[1]], m[at[1]][at[0]] = k.Moments[i], k.Moments[i]
	}
	for i, out := range without {
		if out {
			m[i], b[i] = [3]float64{}, 0
			for j := range m {
				m[j][i] = 0
			}
			m[i][i] = 1
		}
	}
	var l [3][3]float64
	for i := range 3 {
		for j := range i + 1 {
			sum := m[i][j]
			for n := range j {
				sum -= l[i][n] * l[j][n]
			}
			if i != j {
				l[i][j] = sum / l[j][j]
				continue
			}
			if !(sum > 0) {
				return v, false
			}
			l[i][i] = math.Sqrt(sum)
		}
	}
	for i := range 3 {
		v[i] = b[i]
		for n := range i {
			v[i] -= l[i][n] * v[n]
		}
		v[i] /= l[i][i]
	}
	for i := 2; i >= 0; i-- {
		for n := i + 1; n < 3; n++ {
			v[i] -= l[n][i] * v[n]
		}
		v[i] /= l[i][i]
	}
	return v, true
}

// spread is x * Moments^-1 * x: the variance of a prediction at x over that of the noise.
func (k StepModel) spread(x [3]float64) float64 {
	v, ok := k.solve(x, [3]bool{})
	if !ok {
		return maxNumber
	}
	return clamp(dot(v, x), 0, maxNumber)
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// difference is how far the law moves when x changes by d, and one standard deviation of that.
func (k StepModel) difference(d [3]float64) (seconds, deviation float64) {
	return dot(k.Theta, d), math.Sqrt(k.Noise * k.spread(d))
}

// isKnown reports whether the model has seen enough to predict.
func (k StepModel) isKnown() bool { return k.Windows >= minStepWindows }

func (k StepModel) isSound() bool {
	for _, n := range [...]float64{k.Windows, k.Noise, k.Theta[0], k.Theta[1], k.Theta[2], k.Moments[0], k.Moments[3], k.Moments[5]} {
		if !(n >= 0) || n > largestSum {
			return false
		}
	}
	for _, n := range [...]float64{k.Sums[0], k.Sums[1], k.Sums[2], k.Moments[1], k.Moments[2], k.Moments[4]} {
		if !(math.Abs(n) <= largestSum) {
			return false
		}
	}
	return true
}

// largestSum ends a model whose sums run away; it starts anew then.
const largestSum = 1e100
