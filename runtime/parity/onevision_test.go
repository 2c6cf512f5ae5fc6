package parity

import (
	"path/filepath"
	"testing"
)

const onevision = "testdata/llava-onevision"

func TestLlavaOnevisionEqualsTransformers(t *testing.T) {
	journey{model: filepath.Join(onevision, "model"), goldens: onevision, cases: 11}.run(t)
}

func TestLlavaOnevisionUnderTheNamesOfTransformers5EqualsTransformers(t *testing.T) {
	journey{model: renamed(t, filepath.Join(onevision, "model")), goldens: onevision, cases: 11}.run(t)
}
