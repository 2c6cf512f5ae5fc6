// Command simd writes the CPU backend's vector kernels as Go assembly: `make generate` runs it from runtime/backend/cpu/simd.
//
// All kernels are for AVX2 with FMA, eight float32 at a time; the counts along a row are multiples of 8, which the callers see to.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64")
	dots()
	dotPairs()
	sums()
	exponentials()
	Generate()
}

// lane is where the values of one register begin in memory.
func lane(base Register, index Register) Mem { return Mem{Base: base, Index: index, Scale: 4} }

// clearAll zeroes accumulators.
func clearAll(registers []VecVirtual) {
	for _, r := range registers {
		VXORPS(r, r, r)
	}
}

func vectors(n int) []VecVirtual {
	list := make([]VecVirtual, n)
	for i := range list {
		list[i] = YMM()
	}
	return list
}

// addFour leaves the sums of four accumulators' lanes in one XMM, in order.
func addFour(acc []VecVirtual) VecVirtual {
	VHADDPS(acc[1], acc[0], acc[0])
	VHADDPS(acc[3], acc[2], acc[2])
	VHADDPS(acc[2], acc[0], acc[0]) // lanes: low halves of the four sums, high halves
	high := XMM()
	VEXTRACTF128(Imm(1), acc[0], high)
	sum := XMM()
	VADDPS(high, acc[0].AsX(), sum)
	return sum
}

// addOne leaves the sum of an accumulator's lanes in the lowest one.
func addOne(acc VecVirtual) VecVirtual {
	sum := XMM()
	VEXTRACTF128(Imm(1), acc, sum)
	VADDPS(sum, acc.AsX(), sum)
	VHADDPS(sum, sum, sum)
	VHADDPS(sum, sum, sum)
	return sum
}

// dots: out[i] = x . rows[i], four rows at a time so that x is loaded once for them.
func dots() {
	TEXT("dotRows", NOSPLIT, "func(out, x, rows *float32, n, k, stride int)")
	Pragma("noescape")
	Doc("dotRows: out[i] = sum over j < k of x[j] * rows[i*stride+j], for i < n.")
	out, x, row := Load(Param("out"), GP64()), Load(Param("x"), GP64()), Load(Param("rows"), GP64())
	n, k, stride := Load(Param("n"), GP64()), Load(Param("k"), GP64()), Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)

	Label("fours")
	CMPQ(n, Imm(4))
	JL(LabelRef("ones"))
	acc := vectors(4)
	clearAll(acc)
	rows := []Register{row, GP64(), GP64(), GP64()}
	for i := 1; i < 4; i++ {
		MOVQ(rows[i-1], rows[i])
		ADDQ(stride, rows[i])
	}
	j := GP64()
	XORQ(j, j)
	Label("four")
	values := YMM()
	VMOVUPS(lane(x, j), values)
	for i, r := range rows {
		VFMADD231PS(lane(r, j), values, acc[i])
	}
	ADDQ(Imm(8), j)
	CMPQ(j, k)
	JL(LabelRef("four"))
	VMOVUPS(addFour(acc), Mem{Base: out})
	ADDQ(Imm(16), out)
	MOVQ(rows[3], row)
	ADDQ(stride, row)
	SUBQ(Imm(4), n)
	JMP(LabelRef("fours"))

	Label("ones")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	single := YMM()
	VXORPS(single, single, single)
	XORQ(j, j)
	Label("one")
	VMOVUPS(lane(x, j), values)
	VFMADD231PS(lane(row, j), values, single)
	ADDQ(Imm(8), j)
	CMPQ(j, k)
	JL(LabelRef("one"))
	VMOVSS(addOne(single), Mem{Base: out})
	ADDQ(Imm(4), out)
	ADDQ(stride, row)
	DECQ(n)
	JMP(LabelRef("ones"))

	Label("done")
	VZEROUPPER()
	RET()
}

// dotPairs: two rows of x against four rows at a time: eight products for six loads, so that the multipliers never wait.
func dotPairs() {
	TEXT("dotRowsPair", NOSPLIT, "func(out0, out1, x0, x1, rows *float32, n, k, stride int)")
	Pragma("noescape")
	Doc("dotRowsPair is dotRows for two rows of x at once; n is a multiple of 4.")
	out := []Register{Load(Param("out0"), GP64()), Load(Param("out1"), GP64())}
	x := []Register{Load(Param("x0"), GP64()), Load(Param("x1"), GP64())}
	row := Load(Param("rows"), GP64())
	n, k, stride := Load(Param("n"), GP64()), Load(Param("k"), GP64()), Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	rows := []Register{row, GP64(), GP64(), GP64()}
	j := GP64()

	Label("pairs")
	TESTQ(n, n)
	JZ(LabelRef("paired"))
	acc := [][]VecVirtual{vectors(4), vectors(4)}
	clearAll(acc[0])
	clearAll(acc[1])
	for i := 1; i < 4; i++ {
		MOVQ(rows[i-1], rows[i])
		ADDQ(stride, rows[i])
	}
	XORQ(j, j)
	Label("pair")
	a, b, w := YMM(), YMM(), YMM()
	VMOVUPS(lane(x[0], j), a)
	VMOVUPS(lane(x[1], j), b)
	for i, r := range rows {
		VMOVUPS(lane(r, j), w)
		VFMADD231PS(w, a, acc[0][i])
		VFMADD231PS(w, b, acc[1][i])
	}
	ADDQ(Imm(8), j)
	CMPQ(j, k)
	JL(LabelRef("pair"))
	for i := range out {
		VMOVUPS(addFour(acc[i]), Mem{Base: out[i]})
		ADDQ(Imm(16), out[i])
	}
	MOVQ(rows[3], row)
	ADDQ(stride, row)
	SUBQ(Imm(4), n)
	JMP(LabelRef("pairs"))

	Label("paired")
	VZEROUPPER()
	RET()
}

// sums: out += sum of weighted rows, 32 columns at a time so that out is read and written once for all rows.
func sums() {
	TEXT("addRows", NOSPLIT, "func(out, weights, rows *float32, n, k, stride int)")
	Pragma("noescape")
	Doc("addRows: out[j] += sum over i < n of weights[i] * rows[i*stride+j], for j < k.")
	out, weights, rows := Load(Param("out"), GP64()), Load(Param("weights"), GP64()), Load(Param("rows"), GP64())
	n, k, stride := Load(Param("n"), GP64()), Load(Param("k"), GP64()), Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	row, i := GP64(), GP64()
	for _, width := range []struct {
		name  string
		lanes int
	}{{"wide", 4}, {"narrow", 1}} {
		Label(width.name)
		CMPQ(k, Imm(uint64(8*width.lanes)))
		JL(LabelRef("after_" + width.name))
		acc := vectors(width.lanes)
		for l, a := range acc {
			VMOVUPS(Mem{Base: out, Disp: 32 * l}, a)
		}
		MOVQ(rows, row)
		XORQ(i, i)
		Label(width.name + "_row")
		CMPQ(i, n)
		JGE(LabelRef(width.name + "_end"))
		w := YMM()
		VBROADCASTSS(lane(weights, i), w)
		for l, a := range acc {
			VFMADD231PS(Mem{Base: row, Disp: 32 * l}, w, a)
		}
		ADDQ(stride, row)
		INCQ(i)
		JMP(LabelRef(width.name + "_row"))
		Label(width.name + "_end")
		for l, a := range acc {
			VMOVUPS(a, Mem{Base: out, Disp: 32 * l})
		}
		ADDQ(Imm(uint64(32*width.lanes)), out)
		ADDQ(Imm(uint64(32*width.lanes)), rows)
		SUBQ(Imm(uint64(8*width.lanes)), k)
		JMP(LabelRef(width.name))
		Label("after_" + width.name)
	}
	VZEROUPPER()
	RET()
}

// exponentials is expShifted of the cpu package, step by step, eight values at a time.
func exponentials() {
	constants := GLOBL("expConstants", RODATA|NOPTR)
	for i, v := range []float32{-87, 1.44269504088896341, 3 << 22, 0.693359375, -2.12194440e-4,
		1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1} {
		DATA(4*i, U32(math.Float32bits(v))) // F32 would write whole numbers as integers
	}
	const one = 11
	bias := GLOBL("expBias", RODATA|NOPTR)
	DATA(0, U32(127))

	TEXT("expRow", NOSPLIT, "func(x *float32, n int, shift float32) float32")
	Pragma("noescape")
	Doc("expRow makes e^(x-shift) of n values, a multiple of 8, and returns their sum.")
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	shift, sum := YMM(), YMM()
	at, err := Param("shift").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(at.Addr, shift)
	VXORPS(sum, sum, sum)
	constant := func(i int) VecVirtual {
		r := YMM()
		VBROADCASTSS(constants.Offset(4*i), r)
		return r
	}
	least, log2e, round, ln2, rest, unit := constant(0), constant(1), constant(2), constant(3), constant(4), constant(one)
	Label("eight")
	TESTQ(n, n)
	JZ(LabelRef("summed"))
	v, whole, exponent, r, p := YMM(), YMM(), YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: x}, v)
	VSUBPS(shift, v, v)
	VMAXPS(v, least, v) // of a NaN the second operand stays, which is v
	VMOVAPS(v, whole)
	VFMADD213PS(round, log2e, whole)
	VPSLLD(Imm(23), whole, exponent)
	VSUBPS(round, whole, whole)
	VMOVAPS(v, r)
	VFNMADD231PS(ln2, whole, r)
	VFNMADD231PS(rest, whole, r)
	VBROADCASTSS(constants.Offset(4*5), p)
	for i := 6; i <= 10; i++ {
		VFMADD213PS(constant(i), r, p)
	}
	square := YMM()
	VMULPS(r, r, square)
	VADDPS(unit, r, r)
	VFMADD213PS(r, square, p) // p r^2 + r + 1
	offset := YMM()
	VPBROADCASTD(bias.Offset(0), offset)
	VPSLLD(Imm(23), offset, offset)
	VPADDD(offset, exponent, exponent)
	VMULPS(exponent, p, p)
	VMOVUPS(p, Mem{Base: x})
	VADDPS(p, sum, sum)
	ADDQ(Imm(32), x)
	SUBQ(Imm(8), n)
	JMP(LabelRef("eight"))
	Label("summed")
	result := addOne(sum)
	Store(result, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
