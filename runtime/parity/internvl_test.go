package parity

import "testing"

func TestInternVLEqualsTransformers(t *testing.T) {
	const folder = "testdata/internvl"
	journey{model: folder + "/model", goldens: folder, cases: 9}.run(t)
	journey{model: renamed(t, folder+"/model"), goldens: folder, cases: 9}.run(t)
}

func TestInternVLWithNormsOfQueriesAndKeysEqualsTransformers(t *testing.T) {
	const folder = "testdata/internvl-6b"
	journey{model: folder + "/model", goldens: folder, cases: 2}.run(t)
}
