package weights

import (
	"encoding/binary"
	"math"
)

// DType is the type of a tensor's values, as a header spells it.
type DType string

const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
)

// Bytes of one value that can be converted to float32; 0 for other types.
func (d DType) Bytes() int {
	switch d {
	case F32, F16, BF16:
		return dtypeBytes[d]
	}
	return 0
}

// dtypeBytes are the sizes of all types that a file may hold. Float32 converts the three above; the rest can stand in a file
// (say, I64 position ids) without disturbing.
var dtypeBytes = map[DType]int{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
	"U16": 2, "I16": 2, F16: 2, BF16: 2,
	"U32": 4, "I32": 4, F32: 4,
	"U64": 8, "I64": 8, "F64": 8,
}

// Widen converts len(dst) little-endian values; none of them is rounded. The caller has checked that data holds them and that d is
// one of F32, F16, BF16.
func (d DType) Widen(dst []float32, data []byte) {
	switch d {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
		}
	case F16:
		for i := range dst {
			dst[i] = float16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	}
}

// float16 widens one IEEE half: 1 sign bit, 5 of exponent (bias 15), 10 of fraction.
func float16(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // zero and subnormals: fraction * 2^-24, exact in float32
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*(1.0/(1<<24))))
	case 31: // infinities and NaN
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
