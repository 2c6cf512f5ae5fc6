// Package openloop loads any server of OpenAI's chat completions as its users would: requests arrive at random times, whether
// earlier ones were answered or not, and each is streamed. It measures what a user sees, at the user's end of the connection.
//
//	time to first token   from the request's own arrival time to the first piece of text, with the wait for a connection
//	between tokens        between two pieces of one answer; servers that join tokens into a piece show longer, fewer ones
//	a token               (end to end - time to first token) / (tokens - 1), by the server's own count of tokens
//	end to end            from the arrival time to the end of the answer
//	goodput               answers that met every objective; a request that failed met none
//
// A closed loop, where each user waits for an answer before the next question, slows down with the server and so hides how late it
// is; an open one does not. Percentiles are over all requests that were answered, and those that failed are counted beside them.
package openloop
