package parity

import "testing"

const llava = "testdata/llava"

func TestLlavaWithCLIPAndLlamaEqualsTransformers(t *testing.T) {
	journey{model: llava + "/model", goldens: llava, cases: 7}.run(t)
}

func TestLlavaUnderTheNamesOfTransformers5EqualsTransformers(t *testing.T) {
	journey{model: renamed(t, llava+"/model"), goldens: llava, cases: 7}.run(t)
}

func TestLlavaWithAScaledRotationAndTwoFeaturesEqualsTransformers(t *testing.T) {
	const folder = "testdata/llava-llama3"
	journey{model: folder + "/model", goldens: folder, cases: 3}.run(t)
}

func TestLlavaNextEqualsTransformers(t *testing.T) {
	const folder = "testdata/llava-next"
	journey{model: folder + "/model", goldens: folder, cases: 8}.run(t)
	journey{model: renamed(t, folder+"/model"), goldens: folder, cases: 8}.run(t)
}
