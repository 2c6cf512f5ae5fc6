// Package parity holds what transformers computes of small random models (testdata, written by hack/parity), and tests that
// go the whole way against it: chat template, tokenizer, pictures, prefill, decoding. All goldens are float32.
package parity
