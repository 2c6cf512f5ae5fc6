package openai

import "bytes"

// The functions below cut values out of a body that json.Valid has judged, without
// copying them: a body is mostly pictures, and encoding/json would copy those once
// for every object around them.

// eachField hands on an object's fields in order, until visit says false. Names are still quoted.
func eachField(object []byte, visit func(name, value []byte) bool) {
	rest := skipSpace(object[1:])
	for rest[0] != '}' {
		var name, value []byte
		name, rest = cutValue(rest)
		rest = skipSpace(skipSpace(rest)[1:]) // the colon
		value, rest = cutValue(rest)
		if !visit(name, value) {
			return
		}
		rest = skipComma(rest)
	}
}

// eachElement hands on an array's elements in order, until visit says false.
func eachElement(array []byte, visit func(value []byte) bool) {
	rest := skipSpace(array[1:])
	for rest[0] != ']' {
		var value []byte
		value, rest = cutValue(rest)
		if !visit(value) {
			return
		}
		rest = skipComma(rest)
	}
}

// cutValue parts the value that b begins with from what follows it.
func cutValue(b []byte) (value, rest []byte) {
	end := 0
	switch b[0] {
	case '"':
		end = stringEnd(b)
	case '{', '[':
		end = nestedEnd(b)
	default:
		if end = bytes.IndexAny(b, ",]} \t\r\n"); end < 0 {
			end = len(b)
		}
	}
	return b[:end:end], b[end:]
}

// stringEnd is where the string that b begins with ends: behind the first quote
// with an even number of backslashes before it.
func stringEnd(b []byte) int {
	for from := 1; ; {
		quote := from + bytes.IndexByte(b[from:], '"')
		slashes := 0
		for b[quote-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return quote + 1
		}
		from = quote + 1
	}
}

// nestedEnd is where the object or array that b begins with ends.
func nestedEnd(b []byte) int {
	depth := 0
	for at := 0; ; at++ {
		switch b[at] {
		case '"':
			at += stringEnd(b[at:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
}

func skipComma(b []byte) []byte {
	if b = skipSpace(b); b[0] == ',' {
		b = skipSpace(b[1:])
	}
	return b
}

func skipSpace(b []byte) []byte {
	for b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n' {
		b = b[1:]
	}
	return b
}
