package openloop

import (
	"math"
	"math/rand/v2"
	"time"
)

// Arrivals are the times of n requests of a Poisson process with a rate a second, from 0 on; equal seeds give equal times.
func Arrivals(seed uint64, n int, rate float64) []time.Duration {
	random := rand.New(rand.NewPCG(seed, math.Float64bits(rate)))
	at := make([]time.Duration, n)
	now := 0.0
	for i := range at {
		now += random.ExpFloat64() / rate
		at[i] = time.Duration(now * float64(time.Second))
	}
	return at
}
