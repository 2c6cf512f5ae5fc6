package sampling

import (
	"fmt"
	"math"
)

// Limits of the parameters, as OpenAI's API states them.
const (
	MaxTemperature = 2.0
	MaxPenalty     = 2.0
	MaxTopLogProbs = 20
)

// Params say how tokens are chosen. The zero value is greedy.
type Params struct {
	Temperature float64 // 0 is greedy
	TopK        int     // keep the K likeliest tokens; 0 keeps all
	TopP        float64 // keep the likeliest tokens that together have at least this probability; 0 and 1 keep all
	Seed        *int64  // nil: the engine draws one

	PresencePenalty  float64 // taken once from the logit of every token that the answer already has
	FrequencyPenalty float64 // taken once per occurrence

	TopLogProbs int // how many of the likeliest tokens to report beside the chosen one
}

// ParamError names a parameter that is outside its limits.
type ParamError struct {
	Param    string
	Got      float64
	Min, Max float64
}

func (e *ParamError) Error() string {
	return fmt.Sprintf("%s is %v, it must be from %v to %v", e.Param, e.Got, e.Min, e.Max)
}

// Validate returns nil or a *ParamError.
func (p Params) Validate() error {
	for _, c := range []struct {
		param         string
		got, min, max float64
	}{
		{"temperature", p.Temperature, 0, MaxTemperature},
		{"top_k", float64(p.TopK), 0, math.MaxInt32},
		{"top_p", p.TopP, 0, 1},
		{"presence_penalty", p.PresencePenalty, -MaxPenalty, MaxPenalty},
		{"frequency_penalty", p.FrequencyPenalty, -MaxPenalty, MaxPenalty},
		{"top_logprobs", float64(p.TopLogProbs), 0, MaxTopLogProbs},
	} {
		if !(c.got >= c.min && c.got <= c.max) { // written so that NaN fails
			return &ParamError{Param: c.param, Got: c.got, Min: c.min, Max: c.max}
		}
	}
	return nil
}
