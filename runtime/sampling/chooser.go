package sampling

import (
	"errors"
	"fmt"
	"math"
)

// ErrNoToken says that every logit is -Inf: there is nothing to choose.
var ErrNoToken = errors.New("every logit is -Inf, no token can be chosen")

// Draw says how one token is chosen from a row of logits. It holds all chance there is, so that a device needs no generator of
// its own and every backend draws the same. The zero value is greedy.
type Draw struct {
	Temperature float64
	TopK        int     // 0: all
	TopP        float64 // 0 and 1: all
	Point       float64 // 0 <= Point < 1: the tokens' shares, laid end to end, are cut there; not read where Temperature is 0
	Top         int     // how many of the likeliest tokens to report
}

// Choice is one chosen token.
type Choice struct {
	Token   int32
	LogProb float32       // the model's own, before penalties and temperature
	Top     []Alternative // the likeliest tokens, best first; as many as Draw.Top
}

// NoToken is the choice of a device that found no logit to choose by: NaN, +Inf, or nothing but -Inf.
const NoToken = -1

// Alternative is a token that could have been chosen.
type Alternative struct {
	Token   int32
	LogProb float32
}

// Chooser has the memory that a choice takes, so that a steady decode step allocates nothing. It is not safe for concurrent use.
type Chooser struct{ work []candidate }

// Choose picks a token. The logits are left as they are.
func (c *Chooser) Choose(logits []float32, d Draw) (Choice, error) {
	return c.choosePenalised(logits, d, nil)
}

// choosePenalised lets penalise lower some candidates first, each of which lies at its token's place.
func (c *Chooser) choosePenalised(logits []float32, d Draw, penalise func([]candidate)) (Choice, error) {
	largest, err := check(logits)
	if err != nil {
		return Choice{}, err
	}
	c.load(logits)
	if penalise != nil {
		penalise(c.work)
	}
	token := c.draw(d)
	norm := logSumExp(logits, largest)
	choice := Choice{Token: token, LogProb: float32(float64(logits[token]) - norm)}
	if d.Top > 0 {
		choice.Top = c.alternatives(logits, norm, d.Top)
	}
	return choice, nil
}

// check refuses what no softmax can use; -Inf is a token that the model forbids.
func check(logits []float32) (largest float64, err error) {
	largest = math.Inf(-1)
	for i, v := range logits {
		if v != v || math.IsInf(float64(v), 1) {
			return 0, fmt.Errorf("logit %d of %d is %v", i, len(logits), v)
		}
		largest = math.Max(largest, float64(v))
	}
	if math.IsInf(largest, -1) {
		return 0, ErrNoToken
	}
	return largest, nil
}

// logSumExp of logits -1, 0, 1 is 1 + log(e^-2 + e^-1 + 1) = 1.4076.
func logSumExp(logits []float32, largest float64) float64 {
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - largest)
	}
	return largest + math.Log(sum)
}

// load fills the work list with the logits.
func (c *Chooser) load(logits []float32) {
	c.work = c.work[:0]
	for i, v := range logits {
		c.work = append(c.work, candidate{token: int32(i), value: float64(v)})
	}
}

func (c *Chooser) alternatives(logits []float32, norm float64, n int) []Alternative {
	c.load(logits)
	best := newRanking(c.work)
	top := make([]Alternative, 0, n)
	for len(top) < n && best.len() > 0 {
		next := best.pop()
		top = append(top, Alternative{Token: next.token, LogProb: float32(next.value - norm)})
	}
	return top
}
