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
// An answer grows while it is in the pool, so half of the generated tokens count. Worked example: pods at 1000 permille have a demand of
// 0.92; 1500 text, 500 generated and 8000 picture tokens a window make x = (1500+250)/9750 = 0.179. F = 0.92 / 1 = 0.92. The objective
// is 0.85 and a cut aims at 0.9 * 0.85 = 0.765, so r* = 1000 * (0.765/0.92 - 0.179) / 0.821 = 794. With a step of at most 100 the pool
// goes to 900 now, where p(900) = 0.92 * (0.179 + 0.9*0.821) = 0.845, and on to 800 and 794 in the next windows if the pressure stays.
//
// A change reaches requests only at their admission. The resident retention, what the
// requests in the pool were admitted with, therefore follows the target with the pool's
// turnover: a window in which f = finished/running of the requests were replaced moves it by
// f of the way to kept/seen. Worked example: resident 1000, 10 running, 4 finished, kept/seen
// 0.5: resident = 1000 + 0.4 * (500 - 1000) = 800.
//
// # The step model
//
//	step seconds = a + b * (KV tokens read)/1000 + c * (sequences)
//
// is fitted to the windows' mean steps (steps.go). a is the weights and the launches, b is 1/bandwidth of the cache, c the work of a sequence.
// At another retention a step reads e(r)/e(resident) as many tokens. Where nobody waits, requests that step faster are fewer at a
// time, so the whole step becomes a/(a - change) of what it is, and the demand with it. Worked example: a = 18 ms, b = 66 us, 200
// thousand tokens, c = 0.1 ms and 20 sequences: 18 + 13.2 + 2 = 33.2 ms. At 500 permille with x = 0.2 it reads 0.6 of them, 5.3 ms less
// at the same batch, and 18/(18+5.3) = 0.77 of the sequences: 25.7 ms. A p95 of the inter-token latency is moved by the same seconds.
//
// # What a load usually needs
//
// Mean and deviation of F over the last quarter of an hour, under the same rate of offered tokens (usual.go): a raise must leave room
// for the mean and 1.6 deviations, and a moment above the objective that such a value is known to have moves nothing. One that is more
// than four deviations away is no such moment: the load has changed.
//
// # Two guards of quality
//
// Recall is known at every retention, from each request's own scores; its guard follows the
// curve that nine of ten requests keep. It is a share of the scores of the policy that the pods run: 85 %
// of one policy's scores is another quality than 85 % of another's. Agreement with the
// whole cache means the same everywhere, but is measured at the value in force alone, on a
// sample of the requests: its guard rises when the evidence is sure (agreement.go has the
// numbers), stands for a time that doubles with each failure, and then gives way slowly. Where agreement is sure to hold, it calibrates
// recall: the recall there is enough, and a little less is believed to be (calibration.go).
//
// What follows on a broken guard is the spec's choice (violation.go): a raise to the smallest value that is believed to be good; the highest
// value for ten minutes, twice as long each time; or nothing but words.
//
// # Trials
//
// A value that nothing has proven is tried on a share of each pod's requests first (canary.go has the test and its numbers). Proven are
// values whose recall holds the spec's own objective, and those at which agreement was sure to hold: then agreement calibrates recall by
// no more than it has seen, and the trial goes ahead of it. It starts before the value is needed, when a load a quarter above the usual one would
// ask for less than is proven:
//
//	candidate = max(r at which 1.5 times the recall is missing that is missing where it is proven, r that such a load asks for, floor)
//
// Worked example: recall 0.6 at 350 permille is asked, the usual load needs up to 3.0 of a pool at full retention, and the text share is
// 0.1. 1.25 * 3.0 asks for (0.85/3.75 - 0.1) / 0.9 = 141 permille; 1.5 * 0.4 = 0.6 may miss, and recall 0.4 is at 160: 160 is tried.
// Pressure lowers all at once within what is proven. Below, it waits for the trial where no recall objective bounds it and nobody waits for room;
// and where a value has failed before, in any case. A trial is no change of the value, and lasts minutes: 88 compared requests at least.
//
// # Replicas
//
// Decision.Replicas is for somebody else to act on: the operator in mode Managed, KEDA or an HPA by status.pools[].tuning.recommendedReplicas
// or the metric aircache_operator_recommended_replicas. It counts whole pods of this pool, and says how many it is to have in all.
//
//   - It is what the pool is to have anyway (Sample.Desired) until something asks for another number: a pod that is lost, rolled or not ready
//     yet changes nothing, and somebody else who scales is followed.
//   - Out: once pressure that retention cannot take away, or a load that now and then asks for less than the lowest value (isExhausted), has
//     lasted for the stabilisation time; at once when a queue is sure to stay (isOverrun).
//     At least one more, at most three times the ready pods; pods on their way are waited for. It only grows while the pressure lasts,
//     and stands for as long after it, three stabilisation times at most; then pods that have not come are given up.
//   - In: one fewer, after five stabilisation times at the maximum retention in which one fewer would have done, all pods being there.
//   - Target.MinReplicas and MaxReplicas bound what is said, not what is reckoned: the message names both. A bound is no pressure.
//   - 0 says that nothing is known (no metrics): keep what there is.
//
// # Rules, in order
//
//  1. Fixed mode, and bounds that moved: take the declared value, the bound.
//  2. Missing, stale or partial metrics: hold the last value.
//  3. Quality: never below the smallest retention whose recall holds the objective, nor below
//     one at which too few next tokens agreed with the whole cache; or what else the spec asks for then.
//  4. KV pressure or admission wait: lower at once, by the model, at most one step; before a prompt was seen not below the declared start.
//  5. Latency objectives: lower if the predicted gain is at least 5 % and larger than two deviations of its noise; else say
//     CompressionCannotHelp. A time to first token counts once it has been late for the stabilisation time with requests that wait, or
//     at once when the queue is sure to stay.
//  6. Headroom for the stabilisation time: raise by half a step, doubled with each raise in a row that held, if the model agrees. Three of
//     the last five changes taken back: nothing is raised for half an hour.
//  7. Replicas (said, not done): more when pressure stays though retention is at its lower bound or cannot help; fewer when one less could
//     still run at the maximum.
//  8. Trials: where the value is left alone, one may start.
//
// Pressure starts at the objective, a cut aims at 0.9 of it and a raise must stay
// below 0.95: the band between is dead. A raise that had to be taken back under the
// same load leaves a Caution factor behind, which lasts until the load falls, so a constant
// load cannot make the value swing.
//
// Explain says all of this of one decision: its inputs, the rules that were asked, and the figures predicted for the alternatives.
package tuner
