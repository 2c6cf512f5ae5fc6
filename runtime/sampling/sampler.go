package sampling

import "math/rand/v2"

// Sampler chooses the tokens of one answer. It is not safe for concurrent use.
type Sampler struct {
	params  Params
	random  *rand.Rand
	counts  map[int32]int // tokens of the answer so far, for the penalties
	chooser Chooser
}

// New makes a sampler; seed is used where the parameters carry none.
func New(p Params, seed uint64) (*Sampler, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.Seed != nil {
		seed = uint64(*p.Seed)
	}
	return &Sampler{params: p, random: rand.New(rand.NewPCG(seed, 0)), counts: map[int32]int{}}, nil
}

// Draw is how the next token is to be chosen. Every call is one token of the answer, in order: chance does not depend on what
// was chosen before, so a draw can be made before the token ahead of it is known.
func (s *Sampler) Draw() Draw {
	d := Draw{Temperature: s.params.Temperature, TopK: s.params.TopK, TopP: s.params.TopP, Top: s.params.TopLogProbs}
	if d.Temperature > 0 {
		d.Point = s.random.Float64()
	}
	return d
}

// Penalised reports whether a choice depends on the tokens before it, so that Next has to make it.
func (s *Sampler) Penalised() bool {
	return s.params.PresencePenalty != 0 || s.params.FrequencyPenalty != 0
}

// Next chooses a token and remembers it for the penalties. The logits are left as they are.
func (s *Sampler) Next(logits []float32) (Choice, error) {
	if !s.Penalised() {
		return s.chooser.Choose(logits, s.Draw())
	}
	choice, err := s.chooser.choosePenalised(logits, s.Draw(), s.penalise)
	if err == nil {
		s.counts[choice.Token]++
	}
	return choice, err
}

func (s *Sampler) penalise(candidates []candidate) {
	for token, n := range s.counts {
		candidates[token].value -= s.params.PresencePenalty + float64(n)*s.params.FrequencyPenalty
	}
}
