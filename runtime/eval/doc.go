// Package eval measures what an answer loses when the key/value cache of its pictures is compressed.
//
// A [Source] gives questions with known answers: the scenes of aircache-tiny, drawn on the fly, or a folder of pictures with a
// JSONL file of questions. [Run] prefills each question once and decodes it under every policy and retention of the [Settings].
// Each finished sample is one line of a journal, so a run that was stopped goes on where it was. [Summarise] turns the samples
// into means with 95 % intervals by task, policy and retention.
//
// Same settings, same answers: nothing but the measured seconds differs between two runs on one machine.
package eval
