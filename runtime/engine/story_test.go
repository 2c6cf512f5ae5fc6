package engine

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/control"
)

var update = flag.Bool("update", false, "write the golden transcript")

// narrator writes down what an engine does, with the time.
type narrator struct {
	Discard
	clock *fakeTime
	lines []string
}

func (n *narrator) say(format string, args ...any) {
	n.lines = append(n.lines, fmt.Sprintf("%6.1fms  ", float64(n.clock.nanoseconds.Load())/1e6)+fmt.Sprintf(format, args...))
}

func (n *narrator) Prefilled(p Prefill) {
	u := p.Usage
	n.say("  prefilled: %d tokens (%d visual, kept %.1f at %d permille, layers %v, recall %.2f), waited %.1fms, took %.1fms + %.1fms, %d bytes freed",
		u.PromptTokens, u.ImageTokens, u.KVTokensKept, u.RetentionPermille, p.LayerBudgets, u.Recall,
		u.QueueSeconds*1e3, u.PrefillSeconds*1e3, u.CompressSeconds*1e3, p.BytesFreed)
}

func (n *narrator) Stepped(s Step) {
	n.say("  step of %d, %.1f tokens read, %.1fms", s.Batch, s.KVTokens, s.Seconds*1e3)
}

func (n *narrator) Finished(f Finished) {
	n.say("  finished: %s after %d tokens, %.1fms in all, %.1fms of decoding", f.Reason, f.Usage.CompletionTokens, f.TotalSeconds*1e3, f.DecodeSeconds*1e3)
}

func (n *narrator) Load(l Load) {
	blocked := ""
	if l.BlockedOnMemory {
		blocked = ", the queue waits for memory"
	}
	n.say("  %d running, %d waiting, pages: %d used, %d promised, %d wanted of %d; demand %.2f%s",
		l.Running, l.Waiting, l.PagesUsed, l.PagesReserved, l.PagesWanted, l.PagesUsed+l.PagesFree, l.DemandRatio, blocked)
}

func (n *narrator) Token(first bool, gap float64) {
	if first {
		n.say("  first token after %.1fms", gap*1e3)
	}
}

func (n *narrator) Tuned(a control.Ack) { n.say("  retention is %d permille", a.TargetPermille) }
func (n *narrator) Panicked()           { n.say("  a panic was contained") }

// The story: a small pool fills, the queue waits, the retention falls, more runs at once, a caller leaves, a prompt is bad.
func TestStory(t *testing.T) {
	n := &narrator{clock: &fakeTime{}}
	w := newWorld(t, pages(60), uniform, func(o *Options) { o.Clock, o.Recorder = n.clock.now, n })
	w.clock, w.model.clock = n.clock, n.clock
	w.model.beforePrefill = func(tokens []int32) error {
		if tokens[len(tokens)-1] == 13 {
			panic("bad prompt")
		}
		return nil
	}
	ctx, leave := context.WithCancel(context.Background())
	submit := func(id string, ctx context.Context, r Request) {
		n.say("%s arrives: %d tokens, answer of %d", id, len(r.Tokens), r.MaxTokens)
		w.submitIn(ctx, r)
	}
	turns := func(count int) {
		for range count {
			n.say("turn")
			w.turn()
		}
	}
	submit("a", ctx, picturePrompt(1, 8, 5).max(20))
	submit("b", context.Background(), picturePrompt(1, 8, 5).max(4))
	submit("c", context.Background(), picturePrompt(1, 8, 5).max(6))
	turns(3)
	n.say("the operator asks for 100 permille")
	if _, err := w.SetTuning(control.Tuning{Revision: 1, TargetPermille: 100}); err != nil {
		t.Fatal(err)
	}
	submit("d", context.Background(), picturePrompt(1, 8, 5).max(6))
	turns(3)
	n.say("the caller of a leaves")
	leave()
	turns(1)
	submit("e, a bad prompt,", context.Background(), Request{Tokens: []int32{1, 13}}.max(3))
	submit("f", context.Background(), textPrompt(4, 1).max(2))
	n.clock.pass(5 * time.Millisecond)
	turns(5)
	w.expectEmpty()
	compareGolden(t, "testdata/story.golden", strings.Join(n.lines, "\n")+"\n")
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the story differs from %s (go test -update writes it):\n%s", file, got)
	}
}
