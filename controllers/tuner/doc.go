// Package tuner decides how much of every picture's KV cache a pool of pods keeps.
//
// Next is a pure function: no clock, no I/O, no Kubernetes; equal inputs give
// equal outputs. The goal is the highest retention (quality) that keeps every
// objective. Time enters as Sample.ElapsedSeconds and is summed up in State, so a
// transcript of samples replays to the same decisions.
//
// # Units
//
// Retention is in permille of a picture's tokens (1000 keeps all). KV usage and
// demand are shares of a pod's page pool (0..1; demand may exceed 1). Tokens are
// counted per layer and averaged, as the pods report them. Times are seconds.
//
// # The KV demand model
//
// Text and generated tokens cannot be compressed, so only the visual share scales:
//
//	x      = (text + generated) / (text + generated + visual)    text share of the tokens at full retention
//	e(r)   = x + r/1000 * (1-x)                                  size of a request relative to the full cache
//	F      = demand / e(resident)                                what the load would need at retention 1000
//	p(r)   = F * e(r)                                            predicted demand at retention r
//	r*(p)  = 1000 * (p/F - x) / (1-x)                            largest retention whose prediction is p
//
// Worked example: pods at 1000 permille have a demand of 0.92, one token of five is text
// (x = 0.2). F = 0.92 / 1 = 0.92. The objective is 0.85 and the aim is 0.9 * 0.85 = 0.765, so
// r* = 1000 * (0.765/0.92 - 0.2) / 0.8 = 789. With a step of at most 100 the pool
// goes to 900 now, where p(900) = 0.92 * (0.2 + 0.9*0.8) = 0.846, and on to 800 and 789
// in the next windows if the pressure stays.
//
// A change reaches requests only at their admission. The resident retention, what the
// requests in the pool were admitted with, therefore follows the target with the pool's
// turnover: a window in which f = finished/running of the requests were replaced moves it by
// f of the way to kept/seen. Worked example: resident 1000, 10 running, 4 finished, kept/seen
// 0.5: resident = 1000 + 0.4 * (500 - 1000) = 800.
//
// # Two guards of quality
//
// Recall is known at every retention, from each request's own scores; its guard follows the
// curve of every window. It is a share of the scores of the policy that the pods run: 85 %
// of one policy's scores is another quality than 85 % of another's. Agreement with the
// whole cache means the same everywhere, but is measured at the value in force alone, on a
// sample of the requests: its guard rises when the evidence is sure (agreement.go has the
// numbers), stands for a time that doubles with each failure, and then gives way slowly.
//
// # Rules, in order
//
//  1. Fixed mode, and bounds that moved: take the declared value, the bound.
//  2. Missing, stale or partial metrics: hold the last value.
//  3. Quality: never below the smallest retention whose recall holds the objective, nor below
//     one at which too few next tokens agreed with the whole cache.
//  4. KV pressure or admission wait: lower at once, by the model, at most one step.
//  5. Headroom for the stabilisation time: raise by half a step, if the model agrees.
//
// Pressure starts at the objective, a cut aims at 0.9 of it and a raise must stay
// below that too: the band between is dead. A raise that had to be taken back under the
// same load leaves a Caution factor behind, which lasts until the load falls, so a constant
// load cannot make the value swing.
package tuner
