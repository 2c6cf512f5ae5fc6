package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// simulationTurns is how many turns of the device goroutine the simulation takes in all:
//
//	go test ./runtime/engine -run Simulation -simulation-turns 5000000
var simulationTurns = flag.Int("simulation-turns", 120_000, "turns of the scheduler's simulation")

// Requests of several tenants come, wait, run, leave, fail and are preempted at random, on a simulated device and clock, while the
// retention moves, prompts are cached and blocks go to host memory. At every moment each page has one owner and the promises hold;
// cached blocks never change; somebody always makes progress; busy tenants are served alike; every request ends, and a complete answer
// is the one that its request gets alone.
func TestSimulation(t *testing.T) {
	const each = 6000 // turns in one world
	worlds := max(1, *simulationTurns/each)
	right := map[string][]int32{}
	total := seen{}
	for seed := range worlds {
		s := newSimulation(t, uint64(seed), right)
		s.play(*simulationTurns / worlds)
		total.add(s.seen)
		if t.Failed() {
			t.Fatalf("seed %d, after %d turns", seed, s.turnsTaken)
		}
	}
	t.Logf("%d turns in %d worlds: %+v", *simulationTurns, worlds, total)
	if *simulationTurns >= 60_000 && (total.complete < 1000 || total.preempted == 0 || total.hits == 0 || total.offloads == 0 || total.kept == 0 || total.aborted == 0 || total.failed == 0 || total.pushed == 0) {
		t.Errorf("the simulation misses what it is for: %+v", total)
	}
}

type seen struct{ complete, aborted, failed, pushed, preempted, hits, offloads, kept int }

func (s *seen) add(o seen) {
	s.complete, s.aborted, s.failed, s.pushed = s.complete+o.complete, s.aborted+o.aborted, s.failed+o.failed, s.pushed+o.pushed
	s.preempted, s.hits, s.offloads, s.kept = s.preempted+o.preempted, s.hits+o.hits, s.offloads+o.offloads, s.kept+o.kept
}

// simulation is one world and what was asked in it.
type simulation struct {
	*world
	r          *rand.Rand
	requests   []Request
	right      map[string][]int32 // by request and retention, over all worlds
	open       []asked
	blocks     map[kv.Key]uint64 // what each cached block held when it was seen first
	still      int               // turns without progress
	progress   int
	turnsTaken int
	busy       map[string]int64 // tenants' counters when all of them began to be busy; nil: they are not
	largest    int
	seen       seen
	permilles  []int32
	revision   int64
}

type asked struct {
	*Handle
	which int
	leave context.CancelFunc
}

func (s *simulation) Preempted(int64) { s.seen.preempted++ }
func (s *simulation) Resumed(int64)   { s.progress++ }
func (s *simulation) Found(_, cached int) {
	if cached > 0 {
		s.seen.hits++
	}
}
func (s *simulation) Seen(int, int)       {}
func (s *simulation) Token(bool, float64) { s.progress++ }
func (s *simulation) Finished(Finished)   { s.progress++ }
func (s *simulation) Prefilled(Prefill)   { s.progress++ }
func (s *simulation) Stepped(Step)        { s.progress++ }
func (s *simulation) Load(l Load)         { s.progress += 0 }
func (s *simulation) Tuned(control.Ack)   {}
func (s *simulation) Panicked()           {}

func newSimulation(t *testing.T, seed uint64, right map[string][]int32) *simulation {
	s := &simulation{r: rand.New(rand.NewPCG(seed, 77)), right: right, blocks: map[kv.Key]uint64{}, permilles: []int32{1000, 500, 100, 50}}
	s.requests = soakRequests()[:12]
	for i := range s.requests {
		s.requests[i].MaxTokens += i % 4 * 12
		s.requests[i] = s.requests[i].showing(slices.Repeat([]int{i % 2}, len(s.requests[i].Images))...)
		s.largest = max(s.largest, len(s.requests[i].Tokens)+s.requests[i].MaxTokens)
	}
	s.world = newWorld(t, pages(int64(60+s.r.IntN(150))), chunk(1+s.r.IntN(40)), func(o *Options) {
		o.MaxQueue, o.MaxRunning, o.Recorder = 4+s.r.IntN(12), 1+s.r.IntN(8), s
		o.Ahead = s.r.IntN(2) == 0
		o.ShadowPermille = int32(s.r.IntN(2) * 300)
		o.PrefixCache = PrefixCache{On: s.r.IntN(4) > 0, Keep: s.r.IntN(2) == 0, VisionBytes: int64(s.r.IntN(3) * 8), OffloadBytes: int64(s.r.IntN(2) * 40 * pageBytes)}
		o.Swap = Swap{PromisedAnswer: s.r.IntN(4), HostBytes: int64(s.r.IntN(3) * 200 * pageBytes)}
	})
	s.model.logits = spread
	s.model.beforeDecode = func([]model.Row) error { return s.hiccup(400) }
	s.model.beforeTake = func() error { return s.hiccup(400) }
	s.model.beforeMove = func(string) error { return s.hiccup(30) }
	s.model.beforePrefill = func([]int32) error { return s.hiccup(50) }
	return s
}

// hiccup fails once in n times.
func (s *simulation) hiccup(n int) error {
	if s.r.IntN(n) == 0 {
		return errHiccup
	}
	return nil
}

func (s *simulation) play(turns int) {
	for range turns {
		s.act()
		s.step()
		if s.turnsTaken%7 == 0 {
			s.checkBooks()
		}
		if s.t.Failed() {
			return
		}
	}
	for range 20_000 {
		if s.Snapshot().Open == 0 {
			break
		}
		s.step()
	}
	s.collectEnded()
	if len(s.open) > 0 {
		s.t.Errorf("%d requests never end: %+v", len(s.open), s.Snapshot())
	}
	s.checkBooks()
	s.expectEmpty()
}

func (s *simulation) act() {
	switch s.r.IntN(30) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		i := s.r.IntN(len(s.requests))
		ctx, leave := context.WithCancel(context.Background())
		h, err := s.Submit(ctx, s.requests[i].of(string(rune('a'+s.r.IntN(3)))))
		if err != nil {
			leave()
			var limit *LimitError
			if !errors.Is(err, ErrQueueFull) && !errors.As(err, &limit) {
				s.t.Errorf("submitting: %v", err)
			}
			return
		}
		s.open = append(s.open, asked{h, i, leave})
	case 8:
		if len(s.open) > 0 {
			s.open[s.r.IntN(len(s.open))].leave()
		}
	case 9:
		s.revision++
		_, _ = s.SetTuning(control.Tuning{Revision: s.revision, TargetPermille: s.permilles[s.r.IntN(len(s.permilles))]})
	}
}

func (s *simulation) step() {
	before, units := s.progress, len(s.model.calls)
	s.turn()
	s.turnsTaken++
	if s.progress == before && len(s.model.calls) == units && s.Snapshot().Open > 0 {
		s.still++
	} else {
		s.still = 0
	}
	if s.still > 3 {
		s.t.Fatalf("nothing moves for %d turns: %+v", s.still, s.Snapshot())
	}
	s.model.calls, s.model.units, s.model.batches = s.model.calls[:0], s.model.units[:0], s.model.batches[:0]
	s.checkFairness()
	if s.offloaded() > 0 {
		s.seen.offloads++
	}
	s.collectEnded()
}

// collectEnded reads the answers that are complete.
func (s *simulation) collectEnded() {
	s.open = slices.DeleteFunc(s.open, func(a asked) bool {
		if len(a.events) == 0 || !s.ended(a) {
			return false
		}
		a.leave()
		got := collect(s.t, a.Handle)
		switch {
		case errors.Is(got.err, ErrQueueFull):
			s.seen.pushed++
		case got.finish == FinishAbort:
			s.seen.aborted++
		case got.finish == FinishError && errors.Is(got.err, errHiccup):
			s.seen.failed++
		case got.finish == FinishError:
			var p *panicError
			errors.As(got.err, &p)
			s.t.Errorf("request %d ends with %v\n%s", a.which, got.err, p.stack)
		default:
			s.seen.complete++
			if want := s.alone(a.which, int32(got.usage.RetentionPermille)); !slices.Equal(got.tokens, want) {
				s.t.Errorf("request %d at %d permille says %v, alone %v", a.which, got.usage.RetentionPermille, got.tokens, want)
			}
		}
		return true
	})
}

// ended reports whether the engine has no such job any more.
func (s *simulation) ended(a asked) bool {
	same := func(j *job) bool { return j.handle == a.Handle }
	if s.filling != nil && same(s.filling.job) || slices.ContainsFunc(s.running, same) || slices.ContainsFunc(s.swapped, same) || slices.ContainsFunc(s.queue.pushed, same) {
		return false
	}
	for _, f := range s.flights {
		if slices.ContainsFunc(f.jobs, func(j *job) bool { return same(j) && !j.ended }) {
			return false
		}
	}
	for _, t := range s.queue.backlog {
		if slices.ContainsFunc(t.waiting, same) {
			return false
		}
	}
	return true
}

func (s *simulation) alone(which int, permille int32) []int32 {
	name := fmt.Sprint(which, "@", permille)
	if s.right[name] == nil {
		s.right[name] = append([]int32{}, alone(s.t, s.requests[which], permille)...)
	}
	return s.right[name]
}

// checkBooks counts every page and every promise.
func (s *simulation) checkBooks() {
	owner, promised := map[int32]string{}, 0
	own := func(who string, list []int32) {
		for _, p := range list {
			if owner[p] != "" {
				s.t.Fatalf("page %d belongs to %s and to %s", p, owner[p], who)
			}
			owner[p] = who
		}
	}
	holds := func(j *job) {
		used := j.sequence.Pages()
		for _, table := range j.sequence.Tables {
			own(j.handle.id+"'s sequence", table.Pages)
		}
		promised += j.promise.Pages()
		if s.shadow == nil || s.shadow.sequence != j.sequence {
			if used > j.promise.Pages() && (s.filling == nil || s.filling.job != j || s.filling.shadow == nil) {
				s.t.Fatalf("a request holds %d pages, it was promised %d", used, j.promise.Pages())
			}
		}
	}
	for _, j := range s.running {
		holds(j)
	}
	if f := s.filling; f != nil {
		holds(f.job)
		if f.shadow != nil {
			promised += f.shadow.Pages()
		}
		if f.reuse.promise != nil {
			promised += f.reuse.promise.Pages()
		}
	}
	if sh := s.shadow; sh != nil {
		for _, sequence := range sh.sequences() {
			for _, table := range sequence.Tables {
				own("the shadow", table.Pages)
			}
		}
		promised += sh.promise.Pages()
	}
	if promised != s.ledger.Reserved() || promised > s.shape.Pages {
		s.t.Fatalf("%d pages are promised, counted as %d of %d", promised, s.ledger.Reserved(), s.shape.Pages)
	}
	used := len(owner)
	if s.prefixes == nil {
		if used != s.pool.Used() {
			s.t.Fatalf("%d pages have an owner, %d are used", used, s.pool.Used())
		}
		return
	}
	if s.shelf != nil {
		used += s.shelf.Pages()
		if s.shelf.Pages() > 0 {
			s.seen.kept++
		}
	}
	if used+s.prefixes.Pages() != s.pool.Used() {
		s.t.Fatalf("%d pages have an owner and %d are cached, %d are used", used, s.prefixes.Pages(), s.pool.Used())
	}
	if pinned := s.prefixes.Pages() - s.prefixes.Idle(); promised+pinned > s.shape.Pages+s.pinnedPromise() {
		s.t.Fatalf("%d pages promised and %d cached ones read of %d", promised, pinned, s.shape.Pages)
	}
	s.checkBlocks(own)
}

func (s *simulation) pinnedPromise() int {
	if s.filling != nil && s.filling.reuse.promise != nil {
		return s.filling.reuse.promise.Pages()
	}
	return 0
}

// checkBlocks holds what each block has in its pages against what it had when it was first seen.
func (s *simulation) checkBlocks(own func(string, []int32)) {
	s.prefixes.Each(func(key kv.Key, b *kv.Block) {
		if !b.Resident() {
			return
		}
		h := uint64(1)
		for _, table := range b.Tables {
			own("a cached block", table.Pages)
			for row := range table.Rows {
				h = mix(h, s.model.cells[int(table.Pages[row/16])*16+row%16], 7)
			}
		}
		if was, known := s.blocks[key]; known && was != h {
			s.t.Fatalf("a cached block of %d rows has changed", b.Rows)
		}
		s.blocks[key] = h
	})
}

// checkFairness compares tenants for as long as all three have requests waiting.
func (s *simulation) checkFairness() {
	if len(s.queue.backlog) < 3 {
		s.busy = nil
		return
	}
	if s.busy == nil {
		s.busy = map[string]int64{}
		for name, t := range s.queue.tenants {
			s.busy[name] = t.served
		}
		return
	}
	var least, most int64 = 1 << 60, -1 << 60
	for name, t := range s.queue.tenants {
		gained := t.served - s.busy[name]
		least, most = min(least, gained), max(most, gained)
	}
	// Two tenants may start apart by as much as they may ever be.
	if bound := int64(2 * (s.opts.MaxRunning + 2) * s.largest); most-least > bound {
		s.t.Errorf("busy tenants were served %d and %d tokens, %d apart at most", least, most, bound)
	}
}
