package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/image"
)

// A device takes all tiles in one pass where there is room, in some where there is less, and a host in many: the rows are the same.
func TestPicturesGiveTheSameRowsInAnyNumberOfPasses(t *testing.T) {
	dir, _ := small.write(t)
	var wanted []float32
	for _, c := range []struct {
		name           string
		device         bool
		rows           int // reserved for prompts; 0: nothing is
		passes, growth int
	}{
		{"a host", false, 100, 3, 0},
		{"a device with room", true, 1000, 1, 0},
		{"a device with less room", true, 50, 2, 0},
		{"a device before anything is reserved", true, 0, 3, 1},
	} {
		host, err := cpu.New(cpu.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		b := &beside{Backend: host}
		m, err := Load(dir, host)
		if c.device {
			m, err = Load(dir, b)
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.rows > 0 {
			if err := m.Reserve(Capacity{Pages: 200, Sequences: 1, Rows: c.rows}); err != nil {
				t.Fatal(err)
			}
		}
		var px []image.Pixels
		for seed := range uint64(9) {
			random := rand.New(rand.NewPCG(seed, 0))
			p := image.Pixels{C: 3, H: m.tower.image, W: m.tower.image, Data: make([]float32, 3*m.tower.image*m.tower.image)}
			for i := range p.Data {
				p.Data[i] = float32(random.NormFloat64())
			}
			px = append(px, p)
		}
		before := b.allocated
		passes := 0
		m.trace = func(part string, state int, _ backend.Tensor) {
			if part == "vision" && state == 0 {
				passes++
			}
		}
		v, err := m.EncodeImages(px)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if grown := b.allocated - before - 1; passes != c.passes || c.device && grown != c.growth {
			t.Errorf("%s: %d passes, %d allocations beside the rows; %d and %d wanted (room for %d values)", c.name, passes, grown, c.passes, c.growth, m.decoder.unit.arena.memory.Cols)
		}
		got := make([]float32, v.rows.Rows*v.rows.Cols)
		m.ops.Read(got, v.rows)
		if wanted == nil {
			wanted = got
		}
		for i, want := range wanted {
			if math.Abs(float64(got[i]-want)) > 1e-4*(1+math.Abs(float64(want))) {
				t.Fatalf("%s: value %d is %g, %g on a host", c.name, i, got[i], want)
			}
		}
	}
}
