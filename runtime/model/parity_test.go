package model

import (
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/weights"
)

// The truth is what transformers computes in float32 on a CPU (hack/tinymodel/goldens.py).
const (
	tinyModel = "../../models/aircache-tiny"
	goldens   = "../../models/aircache-tiny-goldens"

	parity = 1e-3 // absolute, on hidden states and logits
)

type golden struct {
	Pictures []string `json:"pictures"`
	Question string   `json:"question"`
	Tokens   []int32  `json:"input_ids"`
	Greedy   []int32  `json:"greedy_ids"`
	Rows     []int32  `json:"rows"`    // prompt rows whose hidden states are kept
	Patches  []int32  `json:"patches"` // picture rows whose hidden states are kept
}

func readGoldens(t testing.TB) ([]golden, *weights.Checkpoint) {
	t.Helper()
	var file struct {
		Cases []golden `json:"cases"`
	}
	if err := readJSON(filepath.Join(goldens, "cases.json"), &file); err != nil {
		t.Fatalf("the goldens are part of the repository: %v", err)
	}
	if len(file.Cases) < 64 {
		t.Fatalf("%d golden prompts, at least 64 wanted", len(file.Cases))
	}
	dir := t.TempDir() // the reader wants a model folder's file name
	content, err := os.ReadFile(filepath.Join(goldens, "tensors.safetensors"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "model.safetensors"), content, 0o600)
	}
	if err != nil {
		t.Fatalf("the goldens are part of the repository: %v", err)
	}
	tensors, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tensors.Close(); err != nil {
			t.Error(err)
		}
	})
	return file.Cases, tensors
}

// readPicture gives the values of a picture that needs no resizing: v/255 to -1..1. JPEGs lie decoded beside themselves.
func readPicture(t testing.TB, name string) image.Pixels {
	t.Helper()
	f, err := os.Open(filepath.Join(goldens, strings.Replace(name, ".jpg", ".decoded.png", 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	w, h := picture.Bounds().Dx(), picture.Bounds().Dy()
	px := image.Pixels{C: 3, H: h, W: w, Data: make([]float32, 3*w*h)}
	for y := range h {
		for x := range w {
			r, g, b, _ := picture.At(x, y).RGBA()
			for c, v := range []uint32{r, g, b} {
				px.Data[(c*h+y)*w+x] = (float32(v>>8)/255 - 0.5) / 0.5
			}
		}
	}
	return px
}

func loadTiny(t testing.TB, library cpu.BLAS, pages int) *LLaVA {
	t.Helper()
	b, err := cpu.New(cpu.Options{BLAS: library})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := Load(tinyModel, b)
	if err != nil {
		t.Fatalf("the model is part of the repository: %v", err)
	}
	if err := m.Reserve(Capacity{Pages: pages, Sequences: 64, Rows: 4096}); err != nil {
		t.Fatal(err)
	}
	return m
}

// dealer hands out pages.
type dealer struct{ next int32 }

func (d *dealer) view(layers, rows int) backend.KVView {
	kv := backend.KVView{Layers: make([]backend.LayerKV, layers)}
	for l := range kv.Layers {
		for range backend.Pages(rows) {
			kv.Layers[l].Pages = append(kv.Layers[l].Pages, d.next)
			d.next++
		}
	}
	return kv
}

func advance(kv *backend.KVView, rows int) {
	kv.Position += rows
	for l := range kv.Layers {
		kv.Layers[l].Len += rows
	}
}

// TestHiddenStatesEqualTransformers follows four prompts through every stage.
func TestHiddenStatesEqualTransformers(t *testing.T) {
	cases, truth := readGoldens(t)
	for _, library := range libraries(t) {
		m := loadTiny(t, library, 8*64)
		deep := 0
		for i, c := range cases {
			if len(c.Rows) > 0 {
				deep++
				compareStages(t, m, fmt.Sprintf("%02d", i), c, truth)
			}
		}
		if deep == 0 {
			t.Errorf("no golden prompt carries hidden states")
		}
	}
}

func compareStages(t *testing.T, m *LLaVA, id string, c golden, truth *weights.Checkpoint) {
	t.Helper()
	worst, last := 0.0, backend.Tensor{}
	compare := func(stage string, rows []int32, x backend.Tensor) backend.Tensor {
		picked, err := m.ops.Alloc(len(rows), x.Cols, x.Precision)
		if err != nil {
			t.Fatal(err)
		}
		m.ops.Gather(picked, x, rows)
		got := make([]float32, len(rows)*x.Cols)
		m.ops.Read(got, picked)
		want, err := truth.Float32(id+"."+stage, len(rows), x.Cols)
		if err != nil {
			t.Fatal(err)
		}
		worst = max(worst, checkClose(t, "case "+id+" "+stage, got, want))
		return picked
	}
	stages := map[string]string{"vision": "vision.", "text": "text."}
	rows := map[string][]int32{"vision": c.Patches, "text": c.Rows}
	m.trace = func(part string, state int, x backend.Tensor) {
		stage := stages[part] + "embeddings"
		if state > 0 {
			stage = fmt.Sprintf("%slayer.%d", stages[part], state-1)
		}
		last = compare(stage, rows[part], x)
	}
	defer func() { m.trace = nil }()
	v, err := m.EncodeImages([]image.Pixels{readPicture(t, c.Pictures[0])})
	if err != nil {
		t.Fatal(err)
	}
	compare("projector", c.Patches, v.rows)
	pages := &dealer{}
	if _, err := m.Prefill(c.Tokens, v, pages.view(m.config.Layers, len(c.Tokens)), nil, nil); err != nil {
		t.Fatal(err)
	}
	all := make([]int32, last.Rows)
	for i := range all {
		all[i] = int32(i)
	}
	logits, err := m.decoder.answerFrom(last)
	if err != nil {
		t.Fatal(err)
	}
	compare("text.logits", all, logits)
	compare("text.norm", all, m.decoder.result.tensors[0].Top(last.Rows))
	t.Logf("%s, case %s: largest difference %.2g", m.ops.Name(), id, worst)
}

func checkClose(t *testing.T, what string, got, want []float32) float64 {
	t.Helper()
	worst := 0.0
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= parity) {
			t.Errorf("%s: value %d is %g, transformers has %g", what, i, got[i], want[i])
			return d
		}
		worst = max(worst, d)
	}
	return worst
}

// TestGreedyTokensEqualTransformers answers all prompts with the full cache, decoding eight at a time.
func TestGreedyTokensEqualTransformers(t *testing.T) {
	cases, truth := readGoldens(t)
	for _, library := range libraries(t) {
		some := cases
		if library == cpu.Builtin && len(libraries(t)) > 1 {
			some = cases[:8] // slower, and OpenBLAS has all
		}
		m := loadTiny(t, library, 8*8*100)
		logits, err := truth.Float32("last_logits", len(cases), m.config.Vocab)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for from := 0; from < len(some); from += 8 {
			to := min(from+8, len(some))
			worst = max(worst, compareAnswers(t, m, cases[from:to], logits[from*m.config.Vocab:]))
		}
		t.Logf("%s: %d prompts, largest difference of the first logits %.2g", m.ops.Name(), len(some), worst)
	}
}

// compareAnswers prefills the cases one by one and decodes them together.
func compareAnswers(t *testing.T, m *LLaVA, cases []golden, logits []float32) (worst float64) {
	t.Helper()
	pages := &dealer{}
	rows, answers := make([]DecodeRow, len(cases)), make([][]int32, len(cases))
	longest := 0
	for i, c := range cases {
		var px []image.Pixels
		for _, name := range c.Pictures {
			px = append(px, readPicture(t, name))
		}
		v, err := m.EncodeImages(px)
		if err != nil {
			t.Fatal(err)
		}
		kv := pages.view(m.config.Layers, len(c.Tokens)+len(c.Greedy))
		got, err := m.Prefill(c.Tokens, v, kv, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		v.Release()
		worst = max(worst, checkClose(t, "first logits of "+c.Question, got, logits[i*m.config.Vocab:(i+1)*m.config.Vocab]))
		advance(&kv, len(c.Tokens))
		rows[i], answers[i] = DecodeRow{Token: greedy(got), KV: kv}, []int32{greedy(got)}
		longest = max(longest, len(c.Greedy))
	}
	for range longest - 1 {
		var batch []DecodeRow
		var who []int
		for i := range rows {
			if len(answers[i]) < len(cases[i].Greedy) {
				batch, who = append(batch, rows[i]), append(who, i)
			}
		}
		got, err := m.Decode(batch)
		if err != nil {
			t.Fatal(err)
		}
		for j, i := range who {
			rows[i].Token = greedy(got[j])
			answers[i] = append(answers[i], rows[i].Token)
			advance(&rows[i].KV, 1)
		}
	}
	for i, c := range cases {
		if fmt.Sprint(answers[i]) != fmt.Sprint(c.Greedy) {
			t.Errorf("%s: tokens %v, transformers has %v", c.Question, answers[i], c.Greedy)
		}
	}
	return worst
}

func greedy(logits []float32) int32 {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	return int32(best)
}

// libraries are the matrix libraries of this machine.
func libraries(t testing.TB) []cpu.BLAS {
	t.Helper()
	b, err := cpu.New(cpu.Options{BLAS: cpu.OpenBLAS})
	if err != nil {
		t.Logf("only the built-in products are tested: %v", err)
		return []cpu.BLAS{cpu.Builtin}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	return []cpu.BLAS{cpu.OpenBLAS, cpu.Builtin}
}
