package model

import (
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/image"
)

// beside is a CPU that says it works beside the host, and counts what is allocated.
type beside struct {
	*cpu.Backend
	allocated int
}

func (*beside) Asynchronous() bool { return true }

func (b *beside) Alloc(rows, cols int, p backend.Precision) (backend.Tensor, error) {
	b.allocated++
	return b.Backend.Alloc(rows, cols, p)
}

// After Reserve only a picture's own rows are allocated.
func TestNothingGrowsOnADeviceAfterTheStart(t *testing.T) {
	dir, _ := small.write(t)
	host, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	b := &beside{Backend: host}
	m, err := Load(dir, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Reserve(Capacity{Pages: 200, Sequences: 4, Rows: 100}); err != nil {
		t.Fatal(err)
	}
	before := b.allocated
	px := image.Pixels{C: 3, H: m.tower.image, W: m.tower.image, Data: make([]float32, 3*m.tower.image*m.tower.image)}
	visual, err := m.EncodeImages([]image.Pixels{px})
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]int32, 100)
	for i := range visual.Tokens {
		tokens[2+i] = imageToken
	}
	kv := (&dealer{}).view(m.config.Layers, 101)
	p := Prompt{Tokens: tokens, Visual: visual, KV: kv, Observe: []int32{97, 98, 99}, Watcher: &stubborn{at: -1}, Save: true, Slot: backend.NoSlot}
	if _, err := PrefillWhole(m, longestUnit, p); err != nil {
		t.Fatal(err)
	}
	visual.Release()
	advance(&kv, 100)
	row := DecodeRow{Token: 1, KV: kv}
	if _, err := m.Decode([]DecodeRow{row, row, row, row}); err != nil {
		t.Fatal(err)
	}
	if got := b.allocated - before; got != 1 {
		t.Errorf("%d tensors were allocated after the start, 1 wanted: the picture's rows", got)
	}
}
