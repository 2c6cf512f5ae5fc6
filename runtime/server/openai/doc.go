// Package openai is the wire format of OpenAI's chat completions, as far as
// AirCache speaks it: requests are read and judged, answers and errors written.
//
// Everything here is pure. A request field is supported, or it is accepted
// because its value asks for nothing (null, n = 1, tools = []), or the request is
// refused with an Error that names the field: no field is passed over in silence.
package openai
