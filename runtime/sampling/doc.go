// Package sampling chooses the next token from a row of logits.
//
// The order is that of the engines users know: penalties, temperature, top-k, top-p, one draw. Everything is a function of
// the parameters, the seed and the logits: the same three give the same answer on every machine. Log-probabilities are those
// of the model itself, before penalties and temperature.
//
// A [Sampler] belongs to one answer. What a choice depends on beside the logits is a [Draw], a few numbers that a device can
// be given; a [Chooser] is what a device does with it, on the host. Penalties depend on the answer so far, so a penalised
// answer is chosen by its sampler.
package sampling
