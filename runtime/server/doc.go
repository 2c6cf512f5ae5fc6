// Package server is the runtime's HTTP surface: OpenAI's API on one port, the
// operator's control on another.
//
// A chat request is read and judged (package openai), its pictures are decoded
// and its prompt is made into tokens by a bounded number of workers, and it is
// handed to the engine; tokens come back as events and leave as one
// answer or as a stream. What the server needs of the model's folder and of the
// engine are small interfaces, so that its tests need neither.
//
// Prompts, answers and pictures never appear in a log.
package server
