package model

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/image"
)

func TestTheShapeOfTheSevenBillionModel(t *testing.T) {
	text, err := Shape("llava-onevision-7b")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := readSettings(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := (backend.Heads{Query: 28, KV: 4, Dim: 128}); s.text.heads != want {
		t.Errorf("the heads are %+v, want %+v", s.text.heads, want)
	}
	if want := (backend.Heads{Query: 16, KV: 16, Dim: 72}); s.vision.shape() != want {
		t.Errorf("the tower's heads are %+v, want %+v", s.vision.shape(), want)
	}
	if tower := s.tower(); tower.Rows != 729 || len(tower.Grids) != 36 || s.projector.features[0] != 26 {
		t.Errorf("the tower is %+v, its state %v is read", tower, s.projector.features)
	}
}

// device notes how much is loaded to it, and keeps nothing.
type device struct {
	backend.Backend
	values int
}

func (d *device) Alloc(rows, cols int, p backend.Precision) (backend.Tensor, error) {
	return backend.Tensor{Rows: rows, Cols: cols, Precision: p, Memory: d}, nil
}
func (d *device) Load(t backend.Tensor, _ []byte, _ backend.DType) { d.values += t.Rows * t.Cols }
func (d *device) Write(backend.Tensor, []float32)                  {}
func (d *device) PageBytes(h backend.Heads) int                    { return 2 * h.PageValues() }
func (d *device) Sync() error                                      { return nil }
func (d *device) Asynchronous() bool                               { return false }

// The published model has 8.03 billion parameters: 7.616 of the decoder (0.545 each for embeddings and head), 0.397 of the
// tower and 0.017 of the projector.
func TestARandomModelHasAllParametersOfTheShape(t *testing.T) {
	if testing.Short() {
		t.Skip("16 GB go through memory")
	}
	text, err := Shape("llava-onevision-7b")
	if err != nil {
		t.Fatal(err)
	}
	d := &device{}
	m, err := Random(text, d, 1)
	if err != nil {
		t.Fatal(err)
	}
	if billions := float64(d.values) / 1e9; math.Abs(billions-8.03) > 0.01 {
		t.Errorf("%.3f billion values were loaded", billions)
	}
	if got := m.Config().KVBytesPerTokenLayer * m.Config().Layers; got != 57344 {
		t.Errorf("a token takes %d bytes of KV in bfloat16, 57344 wanted", got)
	}
}

func TestRandomModelsAnswerAndOneSeedIsOneModel(t *testing.T) {
	config, err := os.ReadFile(filepath.Join(onevision, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	answer := func(seed uint64) []float32 {
		b, err := cpu.New(cpu.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		m, err := Random(config, b, seed)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Reserve(Capacity{Pages: 90, Sequences: 1, Rows: 200}); err != nil {
			t.Fatal(err)
		}
		p, err := image.ParseProcessor([]byte(`{"image_processor_type":"LlavaOnevisionImageProcessor","size":30,"image_grid_pinpoints":[[30,30]]}`),
			image.Tower{Side: 30, Patch: 7, Rows: 16, Grids: []image.Size{{Height: 30, Width: 30}}, MaxTiles: 9})
		if err != nil {
			t.Fatal(err)
		}
		px, err := p.Process(&image.RGB{W: 9, H: 5, Pix: make([]uint8, 3*9*5)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		v, err := m.EncodeImages([]image.Pixels{px})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Release()
		tokens := append(slices.Repeat([]int32{m.Config().ImageToken}, v.Tokens), 1, 2, 3)
		logits, err := m.Prefill(tokens, v, (&dealer{}).view(3, 200), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return logits
	}
	one, again, other := answer(1), answer(1), answer(2)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Error("seeds 1, 1 and 2 should give the same model twice, and another one")
	}
	for i, l := range one {
		if !(math.Abs(float64(l)) < 100) || slices.Index(one, l) != i {
			t.Fatalf("logit %d is %g; all should be finite and differ", i, l)
		}
	}
}

func TestUnknownShapesAndWrongConfigurationsAreRefused(t *testing.T) {
	if _, err := Shape("7b"); err == nil || !strings.Contains(err.Error(), `"7b" is not known, ["internvl3-8b" "llava-1.5-7b"`) {
		t.Errorf("got %v", err)
	}
	for config, want := range map[string]string{`{`: "reading its configuration", `{"architectures":["X"]}`: `architectures: ["X"]`} {
		if _, err := Random([]byte(config), nil, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
