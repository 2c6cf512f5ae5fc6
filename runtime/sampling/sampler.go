package sampling

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// ErrNoToken says that every logit is -Inf: there is nothing to choose.
var ErrNoToken = errors.New("every logit is -Inf, no token can be chosen")

// Choice is one chosen token.
type Choice struct {
	Token   int32
	LogProb float32       // the model's own, before penalties and temperature
	Top     []Alternative // the likeliest tokens, best first; as many as Params.TopLogProbs
}

// Alternative is a token that could have been chosen.
type Alternative struct {
	Token   int32
	LogProb float32
}

// Sampler chooses the tokens of one answer. It is not safe for concurrent use.
type Sampler struct {
	params Params
	draw   *rand.Rand
	counts map[int32]int // tokens of the answer so far, for the penalties
	work   []candidate   // kept between calls: a steady decode step allocates nothing
}

// New makes a sampler; seed is used where the parameters carry none.
func New(p Params, seed uint64) (*Sampler, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.Seed != nil {
		seed = uint64(*p.Seed)
	}
	return &Sampler{params: p, draw: rand.New(rand.NewPCG(seed, 0)), counts: map[int32]int{}}, nil
}

// Next chooses a token and remembers it for the penalties. The logits are left as they are.
func (s *Sampler) Next(logits []float32) (Choice, error) {
	largest, err := check(logits)
	if err != nil {
		return Choice{}, err
	}
	s.load(logits)
	token := s.choose()
	if s.penalised() {
		s.counts[token]++
	}
	norm := logSumExp(logits, largest)
	choice := Choice{Token: token, LogProb: float32(float64(logits[token]) - norm)}
	if s.params.TopLogProbs > 0 {
		choice.Top = s.alternatives(logits, norm)
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

func (s *Sampler) penalised() bool {
	return s.params.PresencePenalty != 0 || s.params.FrequencyPenalty != 0
}

// load fills the work list with the penalised logits.
func (s *Sampler) load(logits []float32) {
	s.work = s.work[:0]
	for i, v := range logits {
		s.work = append(s.work, candidate{token: int32(i), value: float64(v)})
	}
	if !s.penalised() {
		return
	}
	for token, n := range s.counts {
		s.work[token].value -= s.params.PresencePenalty + float64(n)*s.params.FrequencyPenalty
	}
}

func (s *Sampler) alternatives(logits []float32, norm float64) []Alternative {
	s.work = s.work[:0]
	for i, v := range logits {
		s.work = append(s.work, candidate{token: int32(i), value: float64(v)})
	}
	best := newRanking(s.work)
	top := make([]Alternative, 0, s.params.TopLogProbs)
	for len(top) < cap(top) && best.len() > 0 {
		c := best.pop()
		top = append(top, Alternative{Token: c.token, LogProb: float32(c.value - norm)})
	}
	return top
}
