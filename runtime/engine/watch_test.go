package engine

import (
	"testing"
	"time"
)

// An engine that has requests and does nothing for them says for how long; one without requests, or with progress, does not.
func TestAnEngineThatDoesNothingForItsRequestsSaysSo(t *testing.T) {
	w := newWorld(t, pages(40))
	w.clock.pass(time.Hour)
	if got := w.Stalled(); got != 0 {
		t.Errorf("idle: %v", got)
	}
	running, waiting := w.submit(textPrompt(60, 1).max(100)), w.submit(textPrompt(60, 2).max(100))
	w.clock.pass(time.Minute) // nobody takes a turn: the device hangs, say
	if got := w.Stalled(); got != time.Minute {
		t.Errorf("with requests and no turn: %v", got)
	}
	for range 50 {
		w.turn()
		if got := w.Stalled(); got > time.Second {
			t.Fatalf("while one runs and one waits for memory: %v", got)
		}
	}
	if !w.Snapshot().Load.BlockedOnMemory {
		t.Error("the second request should wait for memory")
	}
	w.finishAll()
	w.clock.pass(time.Hour)
	if got := w.Stalled(); got != 0 {
		t.Errorf("after the last request: %v", got)
	}
	w.read(running)
	w.read(waiting)
}
