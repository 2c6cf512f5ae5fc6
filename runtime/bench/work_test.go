package bench

import (
	"math"
	"testing"

	"aircache.dev/aircache/runtime/model"
)

// seven is the 7B LLaVA-OneVision in bfloat16, on an H100.
func seven(t *testing.T) (Counter, Ceilings) {
	t.Helper()
	config, err := model.Shape("llava-onevision-7b")
	if err != nil {
		t.Fatal(err)
	}
	s, err := model.SizesOf(config)
	if err != nil {
		t.Fatal(err)
	}
	return Counter{Sizes: s, Value: 2}, KnownCeilings("NVIDIA H100 80GB HBM3")
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s: %g, %g wanted", what, got, want)
	}
}

func TestTheSevenBillionModelReadsFourteenGigabytesAStep(t *testing.T) {
	c, _ := seven(t)
	near(t, "values of a layer", c.layerValues(), 29.36e6+203.69e6, 0.02e6)
	near(t, "bytes of a step", c.StepBytes(), 14.141e9, 0.002e9)
	near(t, "bytes of a row of all layers", 28*c.RowBytes(), 57344, 0)
}

// The table of floors that the engine is designed against: 64 text tokens, 3.0e12 bytes a second.
func TestDecodeFloorsAreThoseOfTheDesign(t *testing.T) {
	c, h := seven(t)
	for _, f := range []struct {
		batch, visual int
		full, tenth   float64
	}{{1, 2048, 4.75, 4.72}, {8, 8192, 5.98, 4.85}, {8, 32768, 9.73, 5.22}, {16, 8192, 7.24, 4.98}, {32, 8192, 9.76, 5.25}} {
		full := 1e3 * h.Floor(c.Decode(f.batch, f.batch*28*(f.visual+64)))
		tenth := 1e3 * h.Floor(c.Decode(f.batch, f.batch*28*(f.visual/10+64)))
		near(t, "ms of a step over the full cache", full, f.full, 0.006)
		near(t, "ms of a step over a tenth", tenth, f.tenth, 0.006)
	}
	cut := 1 - h.Floor(c.Decode(16, 16*28*(32768/10+64)))/h.Floor(c.Decode(16, 16*28*(32768+64)))
	near(t, "cut at 16 sequences of 32k", cut, 0.61, 0.005)
}

func TestPrefillVisionAndCompressionAreThoseOfTheDesign(t *testing.T) {
	c, h := seven(t)
	prompt := c.Prefill(8192)
	near(t, "products of 8k tokens", prompt.Products, 107e12, 0.2e12)
	near(t, "attention of 8k tokens", prompt.Attention, 13.5e12, 0.05e12)
	near(t, "ms of 8k tokens", 1e3*h.Floor(prompt), 156, 0.5)
	near(t, "attention of 32k tokens", c.Prefill(32768).Attention, 216e12, 0.6e12)

	tile := c.Vision(1)
	near(t, "operations of a tile", tile.Products+tile.Attention, 0.665e12, 0.003e12)
	near(t, "ms of ten tiles", 1e3*h.Floor(c.Vision(10)), 8.6, 0.1)

	near(t, "ms of a compression as published", 1e3*h.Floor(c.Compression(8192, 0, 819, false)), 0.11, 0.002)
	near(t, "ms of a compression that weighs values", 1e3*h.Floor(c.Compression(8192, 64, 819, true)), 0.19, 0.003)
}

func TestAFloorIsUnknownWhereACeilingIs(t *testing.T) {
	if f := (Ceilings{Bytes: 1e9}).Floor(Work{Bytes: 1, Products: 1}); f != 0 {
		t.Errorf("the floor is %g without a rate of products, 0 wanted", f)
	}
	near(t, "bytes or operations, whichever takes longer", Ceilings{Bytes: 10, Products: 100}.Floor(Work{Bytes: 20, Products: 100, Attention: 50}), 2, 0)
	near(t, "attention at the products' rate where its own is not known", Ceilings{Bytes: 10, Products: 100}.Floor(Work{Products: 100, Attention: 150}), 2.5, 0)
}

func TestCeilingsAreFilledFromTheNextSource(t *testing.T) {
	got := Ceilings{Bytes: 5, Source: "a"}.Or(Ceilings{Bytes: 7, Products: 8, Source: "b"})
	if want := (Ceilings{Bytes: 5, Products: 8, Source: "a; b"}); got != want {
		t.Errorf("%+v, %+v wanted", got, want)
	}
	if err := (Ceilings{Products: -1}).Check(); err == nil {
		t.Error("a negative rate should be refused")
	}
}
