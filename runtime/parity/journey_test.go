package parity

import (
	"testing"

	"aircache.dev/aircache/runtime/backend/cpu"
)

// tolerance is what float32 rounds away, of a row of logits whose range is about 6.
const tolerance = 5e-6

// journey goes through all goldens of one family on the CPU.
type journey struct {
	model   string // folder
	goldens string // folder
	cases   int
}

func (j journey) run(t *testing.T) {
	if n := len(read(t, j.goldens)); n != j.cases {
		t.Fatalf("%d goldens, %d wanted", n, j.cases)
	}
	device, err := cpu.New(cpu.Options{Threads: 2})
	must(t, err)
	t.Cleanup(func() { must(t, device.Close()) })
	Journey{Model: j.model, Goldens: j.goldens, Device: device, Tolerance: tolerance}.Run(t)
}
