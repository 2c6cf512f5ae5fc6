package parity

import "testing"

func TestLlavaOnevisionEqualsTransformers(t *testing.T) {
	journey{folder: "testdata/llava-onevision", cases: 11}.run(t)
}
