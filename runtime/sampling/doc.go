// Package sampling chooses the next token from a row of logits.
//
// The order is that of the engines users know: penalties, temperature, top-k, top-p, one draw. Everything is a function of
// the parameters, the seed and the logits: the same three give the same answer on every machine. Log-probabilities are those
// of the model itself, before penalties and temperature.
package sampling
