package parity

import "testing"

func TestQwen2VLEqualsTransformers(t *testing.T) {
	const folder = "testdata/qwen2-vl"
	journey{model: folder + "/model", goldens: folder, cases: 8}.run(t)
}

func TestQwen25VLEqualsTransformers(t *testing.T) {
	const folder = "testdata/qwen2.5-vl"
	journey{model: folder + "/model", goldens: folder, cases: 8}.run(t)
}

func TestQwen3VLEqualsTransformers(t *testing.T) {
	const folder = "testdata/qwen3-vl"
	journey{model: folder + "/model", goldens: folder, cases: 8}.run(t)
}
