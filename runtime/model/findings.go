package model

import (
	"encoding/json"
	"fmt"
	"slices"
)

// findings collects what a configuration says that cannot be run, each with the field's path in config.json.
type findings struct{ all []error }

func (f *findings) add(format string, args ...any) {
	f.all = append(f.all, fmt.Errorf(format, args...))
}

func (f *findings) between(field string, v, low, high int) {
	if v < low || v > high {
		f.add("%s: %d is outside %d..%d", field, v, low, high)
	}
}

func (f *findings) betweenFloats(field string, v, low, high float64) {
	if !(v >= low && v <= high) {
		f.add("%s: %g is outside %g..%g", field, v, low, high)
	}
}

func (f *findings) oneOf(field, v string, known ...string) {
	if !slices.Contains(known, v) {
		f.add("%s: %q is not supported, %q are", field, v, known)
	}
}

// absent refuses a field that would change what the model computes.
func (f *findings) absent(field string, v json.RawMessage) {
	if len(v) > 0 && string(v) != "null" {
		f.add("%s is not supported", field)
	}
}

func (f *findings) divides(field string, v int, byField string, by int) {
	if by > 0 && v%by != 0 {
		f.add("%s: %d is not a multiple of %s %d", field, v, byField, by)
	}
}

// side is the length of a square, written once or twice.
func (f *findings) side(field string, sides integers, otherwise int) int {
	if len(sides) == 0 {
		return otherwise
	}
	if len(sides) > 2 || sides[0] != sides[len(sides)-1] {
		f.add("%s: %v is not a square", field, sides)
	}
	return sides[0]
}

// Limits on sizes: far above any published model, low enough that products of two cannot overflow.
const (
	maxLayers       = 1024
	maxHidden       = 1 << 17
	maxIntermediate = 1 << 20
	maxHeads        = 1024
	maxHeadDim      = 1024
	maxVocab        = 1 << 22
	maxPositions    = 1 << 24
	maxImageSize    = 8192
	maxPatch        = 512
	maxChannels     = 16
)
