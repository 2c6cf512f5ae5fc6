// Package parity holds what transformers computes of small random models (testdata, written by hack/parity), and the journey of a
// test that goes the whole way against it: chat template, tokenizer, pictures, prefill, decoding. All goldens are float32; the
// tests here run on the CPU, those of another backend lie beside it.
package parity
