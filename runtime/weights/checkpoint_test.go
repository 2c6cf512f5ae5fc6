package weights

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const oneTensor = `{"a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}`

// oneAndMinusTwo are 1 and -2 in bf16.
var oneAndMinusTwo = []byte{0x80, 0x3f, 0x00, 0xc0}

func TestSingleFileIsConverted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, SingleFile, file(oneTensor, oneAndMinusTwo))
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closeCheckpoint(t, c)
	got, err := c.Float32("a", -1, 2)
	if err != nil || !reflect.DeepEqual(got, []float32{1, -2}) {
		t.Errorf("a is %v, %v", got, err)
	}
	if !c.Has("a") || c.Has("b") {
		t.Errorf("a: %t, b: %t", c.Has("a"), c.Has("b"))
	}
}

func TestShardsAreJoined(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "m-1.safetensors", file(oneTensor, oneAndMinusTwo))
	write(t, dir, "m-2.safetensors", file(`{"b":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"n":{"dtype":"I64","shape":[],"data_offsets":[4,12]}}`,
		[]byte{0x00, 0x3c, 0x01, 0x80, 0, 0, 0, 0, 0, 0, 0, 0}))
	write(t, dir, IndexFile, index(t, map[string]string{"a": "m-1.safetensors", "b": "m-2.safetensors", "n": "m-2.safetensors"}))
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closeCheckpoint(t, c)
	b, err := c.Float32("b", 2)
	if err != nil || !reflect.DeepEqual(b, []float32{1, -1.0 / (1 << 24)}) {
		t.Errorf("b is %v, %v", b, err)
	}
	if _, err := c.Float32("n"); err == nil || !strings.Contains(err.Error(), `m-2.safetensors: tensor "n" has dtype I64`) {
		t.Errorf("an integer tensor read as float: %v", err)
	}
	if _, err := c.Float32("a", 2, 1); err == nil || !strings.Contains(err.Error(), `m-1.safetensors: tensor "a" has shape [1 2], [2 1] wanted`) {
		t.Errorf("a wrong shape: %v", err)
	}
	if _, err := c.Float32("z"); err == nil || !strings.Contains(err.Error(), `no tensor "z"`) {
		t.Errorf("a missing tensor: %v", err)
	}
}

func TestItIsToldHowMuchWasUsed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "m-1.safetensors", file(oneTensor, oneAndMinusTwo))
	write(t, dir, "m-2.safetensors", file(`{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, make([]byte, 8)))
	write(t, dir, IndexFile, index(t, map[string]string{"a": "m-1.safetensors", "b": "m-2.safetensors"}))
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closeCheckpoint(t, c)
	var told [][2]int64
	c.Told = func(used, all int64) { told = append(told, [2]int64{used, all}) }
	for _, name := range []string{"a", "b", "a"} { // tied weights are used twice
		if err := c.Use(name, func(Tensor) error { return nil }, map[string][]int{"a": {1, 2}, "b": {2}}[name]...); err != nil {
			t.Fatal(err)
		}
	}
	if want := [][2]int64{{4, 12}, {12, 12}, {12, 12}}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestFoldersThatAreRefused(t *testing.T) {
	whole := file(oneTensor, oneAndMinusTwo)
	for name, c := range map[string]struct {
		files map[string][]byte
		want  []string
	}{
		"an empty folder":        {nil, []string{"neither model.safetensors nor model.safetensors.index.json"}},
		"an empty file":          {map[string][]byte{SingleFile: {}}, []string{"model.safetensors is empty"}},
		"a truncated file":       {map[string][]byte{SingleFile: whole[:len(whole)-1]}, []string{SingleFile, `tensor "a"`, "which has 3"}},
		"an index without a map": {map[string][]byte{IndexFile: []byte(`{}`)}, []string{IndexFile, "weight_map"}},
		"an index that is cut":   {map[string][]byte{IndexFile: []byte(`{"weight_map":`)}, []string{IndexFile, "unexpected end"}},
		"a missing shard":        {map[string][]byte{IndexFile: index(t, map[string]string{"a": "gone.safetensors"})}, []string{"gone.safetensors", "no such file"}},
		"a tensor in the wrong shard": {map[string][]byte{IndexFile: index(t, map[string]string{"b": "m.safetensors"}), "m.safetensors": whole},
			[]string{"m.safetensors", `tensor "b" is missing`}},
		"a shard outside of the folder": {map[string][]byte{IndexFile: index(t, map[string]string{"a": "../m.safetensors"})}, []string{`names "../m.safetensors"`}},
	} {
		dir := t.TempDir()
		for file, content := range c.files {
			write(t, dir, file, content)
		}
		_, err := Open(dir)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, the error should say %q", name, err, want)
			}
		}
	}
}

func TestFolderInPlaceOfAFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, SingleFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder as weights: %v", err)
	}
}

func TestFileCutWhileItIsMappedIsAnError(t *testing.T) {
	dir := t.TempDir()
	data := make([]byte, 1<<20)
	write(t, dir, SingleFile, file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"f":{"dtype":"F32","shape":[262144],"data_offsets":[0,1048576]}}`, data))
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closeCheckpoint(t, c)
	if err := os.Truncate(filepath.Join(dir, SingleFile), 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Float32("f", 262144); err == nil || !strings.Contains(err.Error(), `tensor "f": the file changed`) {
		t.Errorf("reading past the cut: %v", err)
	}
}

func TestHalfPrecisionIsWidenedExactly(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0x0000: 0, 0x8000: float32(math.Copysign(0, -1)), 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 1.0 / (1 << 14),
		0x03ff: 1023.0 / (1 << 24), 0x0001: 1.0 / (1 << 24), 0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)), 0x3555: 0.333251953125,
	} {
		if got := float16(bits); math.Float32bits(got) != math.Float32bits(want) {
			t.Errorf("half %#04x is %g, %g wanted", bits, got, want)
		}
	}
	if got := float16(0x7e00); got == got {
		t.Errorf("half NaN is %g", got)
	}
}

func closeCheckpoint(t *testing.T, c *Checkpoint) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}
