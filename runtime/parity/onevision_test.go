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

func TestLlavaOnevisionWithHeadsOf64And128EqualsTransformers(t *testing.T) {
	for _, goldens := range []string{onevision + "-64", onevision + "-128"} {
		t.Run(filepath.Base(goldens), func(t *testing.T) {
			journey{model: filepath.Join(goldens, "model"), goldens: goldens, cases: 5}.run(t)
		})
	}
}
